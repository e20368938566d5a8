// What the tests have in common: pages opened in Chromium, with everything they log and ask for.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';

const reports = process.env.REPORTS;

// The verbs, and others, whose pages are in the folder of reports.
export const PAGES = ['simulate', 'run', 'sweep', 'worlds', 'search', 'plan', 'hostile'];

// Root may not use the sandbox, and containers have little shared memory.
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  args: ['--no-sandbox', '--disable-dev-shm-usage'],
});

export const close = () => browser.close();

export const summary = (name) => JSON.parse(readFileSync(join(reports, name, 'summary.json'), 'utf8'));

// The curve of a summary as an array of points.
export function curve(name, curveName, series) {
  const curves = summary(name).sections.flatMap((section) => section.curves ?? []);
  return curves.find((one) => one.name === curveName && one.series === series).points;
}

// Opens a page; `said` has what it logged, `asked` what it wanted from anywhere.
export async function open(name, { dark = false, width = 1280, height = 900, script = true } = {}) {
  const context = await browser.newContext({
    acceptDownloads: true,
    colorScheme: dark ? 'dark' : 'light',
    javaScriptEnabled: script,
    viewport: { width, height },
  });
  const page = await context.newPage();
  const url = pathToFileURL(join(reports, name, 'report.html')).href;
  const [said, asked] = [[], []];
  page.on('console', (message) => said.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => said.push(`error: ${error.stack}`));
  page.on('request', (request) => request.url() === url || asked.push(request.url()));
  page.on('dialog', (dialog) => {
    said.push(`dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  await page.goto(url);
  return { page, said, asked, close: () => context.close() };
}

// The data of a page's charts, by name.
export async function charts(page) {
  const all = await page.evaluate(() => JSON.parse(document.getElementById('charts').textContent).charts);
  return new Map(all.map((chart) => [chart.name, chart]));
}

export const screenshot = (page, name) => page.screenshot({ path: `${name}.png`, fullPage: true });

// An interactive chart on a page, and what a reader does with it.
export class Figure {
  constructor(page, name) {
    this.page = page;
    this.root = page.locator(`figure#${name}`);
    this.plot = this.root.locator('.plot');
    this.tip = this.root.locator('.tip');
  }

  // Moves the mouse to a share of the plot's width and height.
  async hover(across, down = 0.4) {
    const [x, y] = await this.place(across, down);
    await this.page.mouse.move(x, y);
  }

  async place(across, down) {
    await this.plot.scrollIntoViewIfNeeded();
    const box = await this.plot.boundingBox();
    return [box.x + box.width * across, box.y + box.height * down];
  }

  async drag(from, to) {
    await this.page.mouse.move(...(await this.place(from, 0.4)));
    await this.page.mouse.down();
    await this.page.mouse.move(...(await this.place((from + to) / 2, 0.4)));
    await this.page.mouse.move(...(await this.place(to, 0.4)));
    await this.page.mouse.up();
  }

  // What the crosshair says: a line for each series, the place first.
  async words() {
    return (await this.tip.innerText()).split('\n').map((line) => line.trim()).filter(Boolean);
  }

  // The labels drawn in the plot, the axes' among them.
  labels() {
    return this.plot.locator('svg > g > text, svg > text').allTextContents();
  }

  entry(name) {
    return this.root.getByRole('button', { name, exact: true });
  }

  // How many series are drawn as lines.
  lines() {
    return this.plot.locator('g[clip-path] path[fill=none][stroke-linejoin]').count();
  }
}
