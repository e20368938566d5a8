// What a reader does with a chart: hover, zoom, hide series, use the keyboard, take the data, change the theme.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { Figure, charts, close, curve, open, summary } from './browsing.mjs';

after(close);

// The number in `name: 1,234.5 unit`.
function number(line) {
  const found = line.match(/: [^\d-]*(-?[\d,.]+)( µs| ms| s)?/);
  const factor = { ' µs': 1e-6, ' ms': 1e-3 }[found[2]] ?? 1;
  return Number(found[1].replaceAll(',', '')) * factor;
}

function near(found, expected, what) {
  assert.ok(Math.abs(found - expected) <= Math.abs(expected) * 0.0006 + 1e-9, `${what}: ${found} for ${expected}`);
}

test('hovering tells the values of summary.json at that second', async () => {
  const { page, close: leave } = await open('simulate');
  const figure = new Figure(page, 'throughput');
  for (const across of [0.15, 0.5, 0.8]) {
    await figure.hover(across);
    const [at, ...lines] = await figure.words();
    const second = Number(at.replace(' s', ''));
    for (const [shown, series] of [['offered requests', 'offered'], ['good answers (SLO met)', 'good'], ['refused attempts', 'refused']]) {
      const [, expected] = curve('simulate', 'throughput', series).find(([x]) => x === second);
      near(number(lines.find((line) => line.startsWith(`${shown}:`))), expected, `${shown} at ${at}`);
    }
  }
  await page.mouse.move(0, 0);
  assert.ok(!(await figure.tip.isVisible()), 'the values go with the mouse');
  await leave();
});

test('hovering tells the values of every kind of chart', async () => {
  const { page, close: leave } = await open('simulate');
  const tails = new Figure(page, 'ttft_percentiles');
  await tails.hover(0.6);
  const [percentile, ...lines] = await tails.words();
  const points = curve('simulate', 'ttft_percentiles', 'azure-ptu');
  const nearest = points.reduce((best, next) => (Math.abs(next[0] - parseFloat(percentile)) < Math.abs(best[0] - parseFloat(percentile)) ? next : best));
  near(number(lines.find((line) => line.startsWith('azure-ptu:'))), nearest[1], percentile);

  const bars = new Figure(page, 'ttft_histogram');
  await bars.hover(0.45);
  const counts = curve('simulate', 'ttft_histogram', 'all').map((point) => point[1]);
  const [heading, bin] = await bars.words();
  assert.match(heading, /^all endpoints: /);
  assert.match(bin, /^[\d.]+ m?s to [\d.]+ m?s: [\d,]+$/);
  assert.ok(counts.includes(Number(bin.split(': ')[1].replaceAll(',', ''))), bin);

  const heat = new Figure(page, 'latency_over_time');
  await heat.hover(0.5, 0.25);
  const words = (await heat.words()).join(' ');
  const grid = summary('simulate').sections.flatMap((section) => section.grids ?? []).find((one) => one.name === 'ttft_over_time');
  const from = Number(words.match(/^([\d.]+) s to/)[1]);
  const { counts: column } = grid.columns[Math.round(from / grid.column_secs)];
  const [, cell, all] = words.match(/: (\d+) of (\d+) answers/);
  assert.equal(Number(all), column.reduce((sum, count) => sum + count, 0), words);
  assert.ok(column.includes(Number(cell)), words);

  const rows = new Figure(page, 'cost_by_endpoint');
  await rows.hover(0.5, 0.4);
  const [endpoint, ...parts] = await rows.words();
  const cost = summary('simulate').sections.find((section) => section.name === 'cost');
  const { figures } = cost.scopes.find((scope) => scope.name === endpoint);
  const { money } = figures.find((one) => one.name === 'cost_per_1k_requests').value;
  const sum = parts.map(number).reduce((a, b) => a + b, 0);
  assert.ok(Math.abs(sum - Number(money)) < 0.02, `${parts.join(', ')} for ${money}`);
  await leave();
});

test('marks tell where they are, and intervals both their ends', async () => {
  for (const [name, chart, wanted] of [['sweep', 'cost', /^output_tokens = 2, from 0\.\d+ on: by-unit$/], ['search', 'search', /^interval: [\d.]+ m?s to [\d.]+ m?s$/]]) {
    const { page, close: leave } = await open(name);
    const figure = new Figure(page, chart);
    await figure.plot.focus();
    await page.keyboard.press('Home');
    const found = [];
    for (let nth = 0; nth < 16; nth += 1) {
      found.push(...(await figure.words()));
      await page.keyboard.press('ArrowRight');
    }
    assert.ok(found.some((line) => wanted.test(line)), found.join(' | '));
    await leave();
  }
});

test('stacked series tell their own part', async () => {
  const { page, close: leave } = await open('simulate');
  const figure = new Figure(page, 'cost_over_time');
  await figure.hover(0.6);
  const [at, ...lines] = await figure.words();
  for (const name of ['azure-ptu', 'openai-direct', 'bedrock-us']) {
    const [, expected] = curve('simulate', 'cost_over_time', name).find(([x]) => x === parseFloat(at));
    const found = number(lines.find((line) => line.startsWith(`${name}:`)));
    assert.ok(Math.abs(found - expected) <= 0.0051, `${name} at ${at}: ${found} for ${expected}`);
  }
  await leave();
});

test('zooming by dragging, buttons and wheel changes the axis, and reset restores it', async () => {
  const { page, close: leave } = await open('simulate');
  for (const name of ['throughput', 'ttft_percentiles', 'ttft_histogram', 'latency_over_time', 'cost_by_endpoint']) {
    const figure = new Figure(page, name);
    const whole = await figure.labels();
    const reset = figure.root.getByRole('button', { name: 'Reset: show all of it' });
    assert.ok(await reset.isDisabled(), name);
    const acts = [
      () => figure.drag(0.4, 0.6),
      () => figure.root.getByRole('button', { name: 'Zoom in' }).click(),
      async () => {
        await figure.hover(0.5);
        await page.keyboard.down('Control');
        await page.mouse.wheel(0, -300);
        await page.keyboard.up('Control');
      },
    ];
    for (const act of acts) {
      await act();
      assert.notDeepEqual(await figure.labels(), whole, `${name} ${act}`);
      assert.ok((await figure.labels()).length > 4, name);
      await reset.click();
      assert.deepEqual(await figure.labels(), whole, name);
    }
    await figure.root.getByRole('button', { name: 'Zoom in' }).click();
    await figure.root.getByRole('button', { name: 'Zoom out' }).click();
    assert.deepEqual(await figure.labels(), whole, name);
    await figure.drag(0.4, 0.6);
    await page.mouse.dblclick(...(await figure.place(0.5, 0.5)));
    assert.deepEqual(await figure.labels(), whole, name);
  }
  await leave();
});

test('what is shown when zoomed lies within what was dragged over', async () => {
  const { page, close: leave } = await open('simulate');
  const figure = new Figure(page, 'throughput');
  await figure.hover(0.3);
  const from = parseFloat((await figure.words())[0]);
  await figure.hover(0.7);
  const to = parseFloat((await figure.words())[0]);
  await figure.drag(0.3, 0.7);
  for (const across of [0.06, 0.5, 0.98]) {
    await figure.hover(across);
    const at = parseFloat((await figure.words())[0]);
    assert.ok(at >= from - 0.5 && at <= to + 0.5, `${at} s of ${from} to ${to} s`);
  }
  await leave();
});

test('a legend entry hides its series and shows it again', async () => {
  const { page, close: leave } = await open('simulate');
  const figure = new Figure(page, 'throughput');
  const entry = figure.entry('refused attempts');
  const lines = await figure.lines();
  assert.equal(await entry.getAttribute('aria-pressed'), 'true');
  await entry.click();
  assert.equal(await entry.getAttribute('aria-pressed'), 'false');
  assert.equal(await figure.lines(), lines - 1);
  await figure.hover(0.5);
  assert.ok(!(await figure.words()).some((line) => line.startsWith('refused')));
  await entry.press('Enter');
  assert.equal(await figure.lines(), lines);

  const stack = new Figure(page, 'cost_over_time');
  await stack.hover(0.6);
  const line = (words) => words.find((one) => one.startsWith('bedrock-us:'));
  const before = line(await stack.words());
  await stack.entry('azure-ptu').click();
  await stack.hover(0.6);
  assert.equal(line(await stack.words()), before, 'a part stays what it was');
  await leave();
});

test('the keyboard reads values aloud, zooms and leaves', async () => {
  const { page, close: leave } = await open('simulate');
  for (const name of (await charts(page)).keys()) {
    const figure = new Figure(page, name);
    const status = figure.root.getByRole('status');
    await figure.plot.focus();
    await page.keyboard.press('Home');
    const first = await status.textContent();
    assert.notEqual(first, '', name);
    await page.keyboard.press((await figure.labels()).includes('azure-ptu') ? 'ArrowDown' : 'ArrowRight');
    assert.notEqual(await status.textContent(), first, name);
    await page.keyboard.press('End');
    const whole = await figure.labels();
    await page.keyboard.press('+');
    assert.notDeepEqual(await figure.labels(), whole, name);
    await page.keyboard.press('0');
    assert.deepEqual(await figure.labels(), whole, name);
    await page.keyboard.press('Escape');
    assert.ok(!(await figure.tip.isVisible()), name);
    assert.equal(await status.textContent(), '', name);
  }
  await leave();
});

test('the CSV has every point', async () => {
  const { page, close: leave } = await open('simulate');
  const figure = new Figure(page, 'throughput');
  const [download] = await Promise.all([page.waitForEvent('download'), figure.root.getByRole('link').click()]);
  assert.equal(download.suggestedFilename(), 'throughput.csv');
  const rows = readFileSync(await download.path(), 'utf8').split('\n');
  const offered = curve('simulate', 'throughput', 'offered');
  assert.equal(rows.filter((row) => row.includes(',offered requests,')).length, offered.length);
  await leave();
});

test('the theme can be chosen, and text and lines stand out in both', async () => {
  const { page, close: leave } = await open('simulate', { dark: true });
  const papers = [];
  for (const expected of ['auto', 'light', 'dark', 'auto']) {
    const chooser = page.getByRole('button', { name: /^Theme/ });
    assert.equal(await chooser.textContent(), `Theme: ${expected}`);
    papers.push(await page.evaluate(() => getComputedStyle(document.body).backgroundColor));
    const [texts, lines] = await page.evaluate(contrasts);
    assert.deepEqual(texts.filter(([, contrast]) => contrast < 4.5), [], `text, ${expected}`);
    assert.deepEqual(lines.filter(([, contrast]) => contrast < 3), [], `lines, ${expected}`);
    assert.ok(texts.length > 3 && lines.length > 6, `${texts.length} and ${lines.length} colours`);
    await chooser.click();
  }
  assert.equal(papers[0], papers[2]);
  assert.notEqual(papers[0], papers[1]);
  await leave();
});

test('the picture of the README is taken: docs/report.png is a copy of it', async () => {
  const { page, close: leave } = await open('simulate', { width: 1120, height: 1100 });
  const [first, last] = ['latency_over_time', 'endpoints'].map((name) => new Figure(page, name));
  await first.root.evaluate((figure) => scrollTo(0, figure.getBoundingClientRect().top + scrollY - 12));
  await first.hover(0.55, 0.22);
  const { y, height } = await last.root.boundingBox();
  await page.screenshot({ path: 'report.png', clip: { x: 0, y: 0, width: 1120, height: y + height } });
  assert.ok(await first.tip.isVisible());
  await leave();
});

// In the page: the colours of all text, and of what series are drawn with, each with its contrast to what is behind it.
function contrasts() {
  const channels = (colour) => colour.match(/[\d.]+/g).map(Number);
  const light = (colour) => {
    const linear = channels(colour).slice(0, 3).map((part) => (part / 255 <= 0.03928 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const contrast = (a, b) => {
    const [dark, bright] = [light(a), light(b)].sort((x, y) => x - y);
    return Math.round(((bright + 0.05) / (dark + 0.05)) * 100) / 100;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (channels(colour)[3] !== 0) return colour;
    }
    return 'rgb(255, 255, 255)';
  };
  const [texts, lines] = [new Map(), new Map()];
  document.querySelectorAll('body *').forEach((element) => {
    if (!element.checkVisibility() || element.closest('.still')) return;
    const style = getComputedStyle(element);
    const isText = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (isText && !element.disabled) {
      const colour = element instanceof SVGElement ? style.fill : style.color;
      texts.set(`${colour} on ${behind(element)}`, contrast(colour, behind(element)));
    }
    if (element.matches('.plot g[clip-path] path:not([shape-rendering])') && style.stroke !== 'none') {
      const colour = element.getAttribute('fill') === 'none' ? style.stroke : style.fill;
      lines.set(colour, contrast(colour, behind(element)));
    }
  });
  return [[...texts], [...lines]];
}
