// The crosshair of a chart, and what moves it and zooms: pointers and keys.

// Where the crosshair can stand: at points, at the bins of bars, at cells by column and row, or at rows.
Board.prototype.stops = function stops() {
  const drawn = this.panels.flatMap(({ series }) => series);
  if (this.kind === 'rows') return this.panels[0].panel.y.ticks.map(([row]) => row).sort((a, b) => b - a);
  const isSeen = (x) => this.x.holds(x);
  return [...new Set(drawn.flatMap(({ points }) => points.map((point) => point[0])))].filter(isSeen).sort((a, b) => a - b);
};

// The stop nearest to a pixel; `y` decides among rows.
Board.prototype.nearest = function nearest(px, py) {
  const stops = this.stops();
  if (this.kind === 'rows') {
    const panel = this.panels.find(({ bottom }) => py <= bottom + 9) ?? this.panels.at(-1);
    const rows = stops.map((row) => Math.abs(panel.y.at(row) - py));
    return stops[rows.indexOf(Math.min(...rows))];
  }
  const value = this.x.value(px);
  // A bar's point is its right edge, a column's its left one.
  if (this.kind === 'bars') return stops.find((stop) => stop >= value) ?? stops.at(-1);
  if (this.kind === 'cells') return stops.findLast((stop) => stop <= value) ?? stops[0];
  const far = stops.map((stop) => Math.abs(this.x.at(stop) - px));
  return stops[far.indexOf(Math.min(...far))];
};

// What there is at the cursor: lines of text with their inks, under the panels' headings.
Board.prototype.at = function at(cursor) {
  const several = this.panels.length > 1;
  const lines = [];
  this.panels.forEach(({ panel, series, y }) => {
    const told = this.kind === 'rows' ? this.row(series, cursor.stop)
      : this.kind === 'cells' ? this.column(series[0], y, cursor) : this.values(panel, series, y, cursor.stop);
    if (told.length > 0 && several && panel.heading) lines.push({ heading: panel.heading });
    lines.push(...told);
  });
  return lines;
};

Board.prototype.values = function values(panel, series, ruler, stop) {
  const isLayered = isStacked(panel.series);
  return series.flatMap((one) => {
    const nth = one.points.findIndex((point) => point[0] === stop);
    if (nth < 0) return [];
    const [x, y] = one.points[nth];
    if (one.points.length === 2 && one.points[0][0] === one.points[1][0]) {
      // An interval; or a mark, which is dotted and tells where it is by its name.
      const ends = one.points.map((point) => point[1]).sort((a, b) => a - b);
      const range = `: ${ends.map((end) => read(panel.y, end)).join(' to ')}`;
      return [{ ink: one.ink, said: one.name + (one.ink.dash.length > 0 ? '' : range) }];
    }
    const value = isLayered ? y - one.base[nth] : y;
    const from = nth > 0 ? `${read(this.chart.x, one.points[nth - 1][0])} to` : 'up to';
    const name = this.kind === 'bars' ? `${from} ${read(this.chart.x, x)}` : one.name;
    return [{ ink: one.ink, said: `${name}: ${read(panel.y, value)}`, dot: this.kind === 'points' && [this.x.at(x), ruler.at(y)] }];
  });
};

Board.prototype.row = function row(series, stop) {
  const isHere = ({ points, base }) => (base[0] <= stop && stop <= points[0][1]) || Math.floor(points[0][1]) === Math.floor(stop);
  const areas = series.filter((one) => one.ink.mark === 'area' && isHere(one));
  const isStack = areas.some(({ points }) => points[0][0] === 0);
  return series.flatMap((one) => {
    const [x, y] = one.points[0];
    const last = one.points.at(-1);
    if (one.ink.mark === 'area') {
      if (!isHere(one)) return [];
      const [start, end] = [x, last[0]].map((value) => read(this.chart.x, value));
      const far = isStack ? read(this.chart.x, last[0] - x) : `${start} to ${end}`;
      return [{ ink: one.ink, said: `${one.name}: ${far}` }];
    }
    if (one.points.length > 1 || Math.floor(y) !== Math.floor(stop)) return [];
    return [{ ink: one.ink, said: `${one.name}: ${read(this.chart.x, x)}` }];
  });
};

Board.prototype.column = function column(one, y, cursor) {
  if (!one) return [];
  const here = one.points.map((point, nth) => [...point, one.base[nth]]).filter(([x]) => x === cursor.stop);
  const all = here.reduce((sum, [, , count]) => sum + count, 0);
  const { ratio } = one.ink;
  // The crosshair's height, or where most answers of the column are.
  const pixel = cursor.py;
  const cell = here.find(([, low]) => pixel !== undefined && y.at(low) >= pixel && y.at(low * ratio) < pixel);
  const fullest = here.reduce((best, next) => (best && best[2] >= next[2] ? best : next), null);
  const [, low, count] = cell ?? fullest ?? [0, 0, 0];
  if (!count) return [{ said: 'no answers' }];
  const most = cell ? '' : 'most, ';
  const range = `${read(this.panels[0].panel.y, low)} to ${read(this.panels[0].panel.y, low * ratio)}`;
  return [{ said: `${most}${range}: ${group(String(count))} of ${group(String(all))} answers`, dot: cell && [this.x.at(cursor.stop + one.ink.width / 2), y.at(low * Math.sqrt(ratio))] }];
};

// Where the cursor is, in words.
Board.prototype.place = function place({ stop }) {
  if (this.kind === 'rows') return read(this.panels[0].panel.y, stop);
  if (this.kind === 'bars') return '';
  const { width } = this.panels[0].series[0]?.ink ?? {};
  return this.kind === 'cells' ? `${read(this.chart.x, stop)} to ${read(this.chart.x, stop + width)}` : read(this.chart.x, stop);
};

// Draws the crosshair and tells the values there; nothing for no cursor.
Board.prototype.point = function point(cursor) {
  const isThere = cursor && cursor.stop !== undefined && this.stops().includes(cursor.stop);
  this.cursor = isThere ? cursor : null;
  this.tip.hidden = !isThere;
  this.cross.replaceChildren();
  if (!isThere) return;
  const lines = this.at(cursor);
  const place = this.place(cursor);
  this.tip.replaceChildren(...(place ? [make('strong', {}, place)] : []));
  lines.forEach(({ heading, ink, said }) => {
    this.tip.append(heading ? make('em', {}, heading) : make('span', {}, ...(ink ? [swatch(ink)] : []), ` ${said}`));
  });
  this.words = [place, ...lines.map(({ heading, said }) => heading ?? said)].filter(Boolean).join('; ');
  let at = this.x.at(cursor.stop + (this.kind === 'cells' ? this.panels[0].series[0].ink.width / 2 : 0));
  if (this.kind === 'rows') {
    at = cursor.px ?? (this.x.from + this.x.to) / 2;
    this.panels.forEach(({ y }) => this.cross.append(rule(this.x.from, this.x.to, y.at(cursor.stop), y.at(cursor.stop), '#111111')));
  } else {
    this.cross.append(rule(at, at, this.panels[0].top, this.panels.at(-1).bottom, '#111111'));
  }
  lines.filter(({ dot }) => dot).forEach(({ dot: [cx, cy] }) => {
    this.cross.append(draw('circle', { cx, cy, r: 4, fill: '#FFFFFF', stroke: '#111111', 'stroke-width': 1.5 }));
  });
  const { width } = this.tip.getBoundingClientRect();
  const isLeft = at > this.width / 2;
  this.tip.style.left = `${Math.max(0, Math.min(isLeft ? at - width - 12 : at + 12, this.width - width))}px`;
  const row = this.kind === 'rows' ? this.panels[0].y.at(cursor.stop) + 14 : this.panels[0].top + 6;
  this.tip.style.top = `${row}px`;
};

// By keys the values are also read aloud.
Board.prototype.say = function say() {
  this.said.textContent = this.cursor ? this.words : '';
};

Board.prototype.listen = function listen() {
  const { plot } = this;
  let from = null;
  const here = (event) => {
    const box = plot.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const follow = (px, py) => this.point({ stop: this.nearest(px, py), px, py });
  plot.addEventListener('pointermove', (event) => {
    const [px, py] = here(event);
    follow(px, py);
    if (from === null || Math.abs(px - from) < 6) return;
    const [left, right] = [Math.min(from, px), Math.max(from, px)];
    const [{ top }, { bottom }] = [this.panels[0], this.panels.at(-1)];
    this.cross.append(draw('rect', { x: left, y: top, width: right - left, height: bottom - top, fill: '#0072B2', 'fill-opacity': 0.2 }));
  });
  plot.addEventListener('pointerdown', (event) => {
    [from] = event.button === 0 ? here(event) : [null];
  });
  plot.addEventListener('pointerup', (event) => {
    const [to] = here(event);
    const start = from;
    from = null;
    if (start !== null && Math.abs(to - start) >= 6) {
      this.show(this.x.value(Math.min(start, to)), this.x.value(Math.max(start, to)));
    }
  });
  plot.addEventListener('pointerleave', () => {
    from = null;
    if (document.activeElement !== plot) this.point(null);
  });
  plot.addEventListener('dblclick', () => this.show(this.chart.x.low, this.chart.x.high));
  plot.addEventListener('wheel', (event) => {
    // The wheel alone scrolls the page.
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    this.zoom(event.deltaY < 0 ? 0.8 : 1.25, here(event)[0]);
  }, { passive: false });
  plot.addEventListener('blur', () => this.point(null));
  plot.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.press(event.key)) return;
    event.preventDefault();
    this.say();
  });
};

// What a key does; false for one that does nothing here.
Board.prototype.press = function press(key) {
  const stops = this.stops();
  const now = stops.indexOf(this.cursor?.stop);
  const go = (nth) => this.point({ stop: stops[Math.min(Math.max(nth, 0), stops.length - 1)], py: this.cursor?.py });
  const isAcross = this.kind !== 'rows';
  const acts = {
    ArrowLeft: () => go(now < 0 ? 0 : now - 1),
    ArrowRight: () => go(now + 1),
    ArrowUp: () => (isAcross ? this.lift(-1) : go(now < 0 ? 0 : now - 1)),
    ArrowDown: () => (isAcross ? this.lift(1) : go(now + 1)),
    PageUp: () => go(now - 10),
    PageDown: () => go(now + 10),
    Home: () => go(0),
    End: () => go(stops.length - 1),
    '+': () => this.zoom(0.5, this.focus()),
    '=': () => this.zoom(0.5, this.focus()),
    '-': () => this.zoom(2, this.focus()),
    0: () => this.show(this.chart.x.low, this.chart.x.high),
    Escape: () => this.point(null),
  };
  const isNone = !isAcross ? false : (key === 'ArrowUp' || key === 'ArrowDown') && this.kind !== 'cells';
  if (!acts[key] || isNone) return false;
  acts[key]();
  return true;
};

// Where keys zoom: at the crosshair.
Board.prototype.focus = function focus() {
  return this.cursor && this.kind !== 'rows' ? this.x.at(this.cursor.stop) : undefined;
};

// Moves the crosshair of a heat map by a row.
Board.prototype.lift = function lift(rows) {
  const [{ y, top, bottom, series }] = this.panels;
  const step = Math.abs(y.at(1) - y.at(series[0].ink.ratio));
  const py = this.cursor?.py ?? (top + bottom) / 2;
  const stop = this.cursor?.stop ?? this.stops()[0];
  this.point({ stop, py: Math.min(Math.max(py + rows * step, top + 1), this.panels.at(-1).bottom - 1) });
};
