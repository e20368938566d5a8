// Every page: what it asks for, how it opens, whether all can read it, and how it is printed.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, test } from 'node:test';
import { PAGES, charts, close, open, screenshot } from './browsing.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

after(close);

for (const name of PAGES) {
  for (const look of [{}, { dark: true }, { width: 390 }]) {
    const how = look.dark ? 'dark' : look.width ? 'narrow' : 'light';

    test(`${name}, ${how}: all charts are there, nothing is logged or asked for, nothing is too wide`, async () => {
      const { page, said, asked, close: leave } = await open(name, look);
      const all = await charts(page);
      assert.ok(all.size > 0);
      for (const chart of all.keys()) {
        const figure = page.locator(`figure#${chart}`);
        assert.ok(await figure.locator('.plot').isVisible(), chart);
        assert.ok((await figure.locator('.plot g[clip-path] path').count()) > 0, `${chart} shows nothing`);
        assert.ok(!(await figure.locator('.still').isVisible()), chart);
        if (how !== 'light') continue;
        await figure.locator('.plot').hover();
        assert.notEqual(await figure.locator('.tip').innerText(), '', chart);
      }
      const wide = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
      assert.ok(wide[0] <= wide[1], `${wide[0]} px in ${wide[1]}`);
      await page.mouse.move(0, 0);
      await screenshot(page, `${name}-${how}`);
      assert.deepEqual([said, asked], [[], []]);
      await leave();
    });

    // What axe looks at is no other where it is narrow, but for what scrolls then.
    if (look.width && name !== 'simulate') continue;
    test(`${name}, ${how}: axe finds nothing inaccessible`, async () => {
      const { page, close: leave } = await open(name, look);
      await page.evaluate(() => document.querySelectorAll('details').forEach((details) => { details.open = true; }));
      await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
      const told = violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map(({ html }) => html.slice(0, 160)).join(' | ')}`);
      assert.deepEqual(told, []);
      await leave();
    });
  }

  test(`${name}: prints, with all details open and the drawings in place of the charts`, async () => {
    const { page, close: leave } = await open(name, { dark: true });
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
    const paper = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    assert.equal(paper, 'rgb(255, 255, 255)', 'paper is white');
    for (const chart of (await charts(page)).keys()) {
      assert.ok(await page.locator(`figure#${chart} .still svg`).isVisible(), chart);
      assert.ok(!(await page.locator(`figure#${chart} .board`).isVisible()), chart);
    }
    await page.evaluate(() => addEventListener('beforeprint', () => {
      globalThis.open_in_print = document.querySelectorAll('details:not([open])').length === 0;
    }));
    const pdf = await page.pdf({ path: `${name}.pdf`, format: 'A4' });
    assert.ok(pdf.length > 20_000, `${pdf.length} bytes`);
    assert.ok(await page.evaluate(() => globalThis.open_in_print));
    await leave();
  });
}

test('without a script every drawing is shown', async () => {
  const { page, close: leave } = await open('simulate', { script: false });
  const drawings = page.locator('.still svg');
  assert.ok((await drawings.count()) > 10);
  for (const drawing of await drawings.all()) assert.ok(await drawing.isVisible());
  await leave();
});

test('names that would like to be markup are text', async () => {
  const { page, said, close: leave } = await open('hostile');
  assert.equal(await page.title(), 'hostile – Tollgate');
  const wanted = "</script><script>document.title = 'broken out'</script>";
  const entries = await page.locator('figure#throughput_by_class .legend button').allTextContents();
  assert.ok(entries.some((entry) => entry.trim() === wanted), entries.join(' | '));
  assert.equal(await page.locator('img').count(), 0);
  assert.equal(await page.locator('script').count(), 2);
  assert.deepEqual(said, []);
  await leave();
});

test('a script that is not ours does not run', async () => {
  const { page, close: leave } = await open('simulate');
  const ran = await page.evaluate(() => {
    const script = document.createElement('script');
    script.textContent = 'globalThis.ran = true';
    document.body.append(script);
    return globalThis.ran === true;
  });
  assert.equal(ran, false);
  await leave();
});

test('a report of a million requests opens in less than a second', async () => {
  const { page, close: leave } = await open('million');
  const requests = await page.evaluate(() => {
    const rows = [...document.querySelectorAll('#fidelity tr')];
    return rows.find((row) => row.cells[0].textContent === 'requests').cells[1].textContent;
  });
  assert.ok(Number(requests.replaceAll(',', '')) > 1_000_000, requests);
  await leave();
  const times = [];
  for (let nth = 0; nth < 5; nth += 1) {
    const again = await open('million');
    times.push(await again.page.evaluate(() => performance.getEntriesByType('navigation')[0].loadEventEnd));
    await again.close();
  }
  times.sort((a, b) => a - b);
  console.log(`opened in ${times.map((time) => time.toFixed(0)).join(', ')} ms, with all charts drawn`);
  assert.ok(times[2] < 1000, `median ${times[2]} ms`);
});
