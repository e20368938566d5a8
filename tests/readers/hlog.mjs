// Opens a log with HdrHistogram's JavaScript reader and prints each tag's count and percentiles, in microseconds, as JSON.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const { HistogramLogReader } = createRequire(import.meta.url)("hdr-histogram-js");

const percentiles = [50, 90, 95, 99, 99.9, 99.99];
const found = {};
const reader = new HistogramLogReader(readFileSync(process.argv[2], "utf8"));
for (let histogram; (histogram = reader.nextIntervalHistogram()) !== null; ) {
    // This reader rounds a percentile's rank to the nearest, the Java original and Tollgate up: it is asked for the rank above.
    const rank = (percentile) => Math.ceil((percentile / 100) * histogram.totalCount - 1e-9) / histogram.totalCount;
    const values = percentiles.map((percentile) => [percentile, histogram.getValueAtPercentile(100 * rank(percentile))]);
    found[histogram.tag] = { count: histogram.totalCount, percentiles: Object.fromEntries(values) };
}
console.log(JSON.stringify(found));
