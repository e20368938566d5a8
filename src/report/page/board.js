// An interactive chart: a crosshair with every value, zoom, series that can be hidden, by mouse, touch and keys.

const NARROW = 560;
const EDGE = 14;
// So many times as near one can look.
const ZOOM_MAX = 2000;

function make(name, attributes, ...children) {
  const element = document.createElement(name);
  Object.entries(attributes).forEach(([key, value]) => element.setAttribute(key, value));
  element.append(...children);
  return element;
}

function button(text, label, act) {
  const element = make('button', { type: 'button', 'aria-label': label, title: label }, text);
  element.addEventListener('click', act);
  return element;
}

const measure = (() => {
  const pen = document.createElement('canvas').getContext('2d');
  pen.font = '13px system-ui, sans-serif';
  return (text) => pen.measureText(text).width * 1.06 + 2;
})();

class Board {
  constructor(chart, figure) {
    this.chart = chart;
    this.hidden = new Set();
    this.cursor = null;
    const inks = chart.panels.flatMap((panel) => panel.series.map((series) => series.ink.mark));
    const isRows = chart.panels[0].y.reading.kind === 'name';
    this.kind = isRows ? 'rows' : inks.includes('cells') ? 'cells' : inks.includes('bars') ? 'bars' : 'points';
    this.whole();
    this.build(figure);
    this.render();
    new ResizeObserver(() => this.plot.clientWidth !== this.width && this.render()).observe(this.plot);
  }

  whole() {
    [this.low, this.high] = [this.chart.x.low, this.chart.x.high];
  }

  isZoomed() {
    return this.low !== this.chart.x.low || this.high !== this.chart.x.high;
  }

  build(figure) {
    const { chart } = this;
    const heading = make('h3', { id: `${chart.name}-title` }, chart.title);
    this.reset = button('Reset', 'Reset: show all of it', () => this.show(chart.x.low, chart.x.high));
    const csv = make('a', { class: 'button', download: `${chart.name}.csv`, href: 'data:text/csv,' }, 'CSV');
    csv.setAttribute('aria-label', `CSV of ${chart.title}`);
    csv.addEventListener('click', () => csv.setAttribute('href', `data:text/csv;charset=utf-8,${encodeURIComponent(table(chart))}`));
    const zoom = [button('+', 'Zoom in', () => this.zoom(0.5)), button('−', 'Zoom out', () => this.zoom(2)), this.reset];
    const tools = make('div', { class: 'tools', role: 'group', 'aria-label': 'Zoom and data' }, ...zoom, csv);
    this.tip = make('div', { class: 'tip', 'aria-hidden': 'true', hidden: '' });
    const keys = this.kind === 'points' || this.kind === 'bars' ? 'Left and right arrows' : 'Arrow keys';
    this.plot = make('div', {
      class: 'plot', tabindex: 0, role: 'application', 'aria-roledescription': 'chart',
      'aria-label': `${chart.title}. ${keys} read the values, plus and minus zoom, 0 shows all, Escape leaves.`,
    });
    this.said = make('p', { class: 'unseen', role: 'status' });
    const board = make('div', { class: 'board' }, make('div', { class: 'head' }, heading, tools));
    board.append(...this.legend(), this.plot, this.said);
    if (chart.note) board.append(make('p', { class: 'notes' }, chart.note));
    figure.append(board);
    figure.classList.add('live');
    figure.setAttribute('aria-labelledby', heading.id);
    this.listen();
  }

  legend() {
    const told = new Map();
    const all = this.chart.panels.flatMap((panel) => panel.series).filter((series) => series.points.length > 0);
    all.forEach((series) => told.has(series.name) || told.set(series.name, series.ink));
    if (!this.chart.has_legend || told.size === 0) return [];
    if (this.kind === 'cells') {
      return [...told].map(([name, ink]) => make('p', { class: 'legend' }, swatch(ink), ` ${name}`));
    }
    const entries = [...told].map(([name, ink]) => {
      const entry = make('button', { type: 'button', 'aria-pressed': 'true' }, swatch(ink), ` ${name}`);
      entry.addEventListener('click', () => {
        this.hidden.delete(name) || this.hidden.add(name);
        entry.setAttribute('aria-pressed', String(!this.hidden.has(name)));
        this.render();
      });
      return entry;
    });
    return [make('div', { class: 'legend', role: 'group', 'aria-label': 'Series' }, ...entries)];
  }

  // The series that are not hidden; what was stacked stands on what is left below it.
  shown(panel) {
    const visible = panel.series.filter((series) => series.points.length > 0 && !this.hidden.has(series.name));
    if (this.kind === 'rows' || !isStacked(panel.series) || visible.length === panel.series.length) return visible;
    let floor = visible.length > 0 ? visible[0].points.map(() => 0) : [];
    return visible.map((series) => {
      const points = series.points.map(([x, y], nth) => [x, y - series.base[nth] + floor[nth]]);
      const base = floor;
      floor = points.map((point) => point[1]);
      return { ...series, points, base };
    });
  }

  // The part of a panel's y axis that shows what is to be seen.
  ruler(panel, series, top, bottom) {
    const { y } = panel;
    const isFitted = (this.isZoomed() || this.hidden.size > 0) && y.reading.kind !== 'name' && y.scale !== 'tail';
    if (!isFitted || this.kind === 'cells') return new Ruler(y, y.low, y.high, bottom, top);
    let [low, high] = [Infinity, -Infinity];
    series.forEach(({ points, base }) => points.forEach(([px, py], nth) => {
      // The neighbours of what is seen are drawn to.
      const [before, after] = [points[nth - 1]?.[0] ?? px, points[nth + 1]?.[0] ?? px];
      if (after < this.low || before > this.high) return;
      [low, high] = [Math.min(low, base[nth] ?? py, py), Math.max(high, py)];
    }));
    if (!(high > -Infinity) || (y.scale === 'linear' && high <= 0 && y.low >= 0)) return new Ruler(y, y.low, y.high, bottom, top);
    if (y.scale === 'log') return new Ruler(y, Math.max(low, y.low) / 1.2, high * 1.2, bottom, top);
    const floor = y.low === 0 ? 0 : low;
    const step = roundStep((high - floor || Math.abs(high) || 1) / 5);
    return new Ruler(y, Math.floor(floor / step) * step, Math.max(Math.ceil(high / step - 1e-9), Math.floor(floor / step) + 1) * step, bottom, top);
  }

  render() {
    const { chart, plot } = this;
    this.width = plot.clientWidth;
    const isNarrow = this.width < NARROW;
    const labels = chart.panels.flatMap((panel) => this.ruler(panel, this.shown(panel), 0, 1).ticks());
    const widest = Math.max(...labels.map(([, label]) => measure(label)), 20);
    const left = Math.min(widest + 12, this.width * 0.45);
    this.x = new Ruler(chart.x, this.low, this.high, left, this.width - EDGE);
    this.panels = [];
    const layers = [];
    let top = 0;
    chart.panels.forEach((panel) => {
      const said = [panel.heading, panel.y.label].filter(Boolean);
      if (said.length > 0) {
        layers.push(text(said[0], 0, top + 14, panel.heading ? 'strong' : ''));
        const beside = measure(said[0]) * 1.1 + 14;
        if (said.length > 1 && beside + measure(said[1]) < this.width) layers.push(text(said[1], beside, top + 14));
        top += 32;
      }
      const bottom = top + Math.round(panel.height * (isNarrow && this.kind !== 'rows' ? 0.75 : 0.85));
      layers.push(this.panel(panel, left, top, bottom));
      top = bottom + 18;
    });
    const foot = this.panels.at(-1).bottom;
    layers.push(...this.foot(foot));
    this.cross = draw('g', { class: 'cross' });
    this.svg = draw('svg', { width: this.width, height: foot + 46, 'aria-hidden': true }, ...layers, this.cross);
    plot.replaceChildren(this.svg, this.tip);
    this.reset.disabled = !this.isZoomed();
    this.point(this.cursor);
  }

  panel(panel, left, top, bottom) {
    const series = this.shown(panel);
    const y = this.ruler(panel, series, top, bottom);
    const right = this.width - EDGE;
    const clip = `${this.chart.name}-${this.panels.length}`;
    this.panels.push({ panel, series, y, top, bottom });
    const layer = draw('g', {});
    layer.append(draw('clipPath', { id: clip }, draw('rect', { x: left - 5, y: top - 5, width: Math.max(right - left, 1) + 10, height: bottom - top + 10 })));
    this.x.ticks().forEach(([value]) => layer.append(rule(this.x.at(value), this.x.at(value), top, bottom, '#E4E4E4')));
    let free = Infinity;
    y.ticks().forEach(([value, label]) => {
      layer.append(rule(left, right, y.at(value), y.at(value), '#E4E4E4'));
      if (y.at(value) > free) return;
      layer.append(text(fitting(label, left - 10), left - 8, y.at(value) + 4, '', 'end'));
      free = y.at(value) - 15;
    });
    const drawn = series.flatMap((one) => shapes(one, this.x, y, bottom));
    layer.append(draw('g', { 'clip-path': `url(#${clip})` }, ...drawn));
    layer.append(draw('path', { d: `M${left} ${top}V${bottom}H${right}`, fill: 'none', stroke: '#666666' }));
    return layer;
  }

  // The labels of the x axis.
  foot(bottom) {
    const marks = [];
    let free = -Infinity;
    this.x.ticks().forEach(([value, label]) => {
      const half = measure(label) / 2;
      const at = Math.min(Math.max(this.x.at(value), half), this.width - half);
      if (at - half < free) return;
      marks.push(text(label, at, bottom + 18, '', 'middle'));
      free = at + half + 8;
    });
    const label = fitting(this.chart.x.label, this.width);
    const half = measure(label) / 2;
    const middle = Math.min(Math.max((this.x.from + this.x.to) / 2, half), this.width - half);
    marks.push(text(label, middle, bottom + 38, '', 'middle'));
    return marks;
  }

  show(low, high) {
    const { to, from } = this.x.scale;
    const whole = [to(this.chart.x.low), to(this.chart.x.high)];
    const wide = Math.min(Math.max(to(high) - to(low), (whole[1] - whole[0]) / ZOOM_MAX), whole[1] - whole[0]);
    const start = Math.min(Math.max(to(low), whole[0]), whole[1] - wide);
    if (wide >= (whole[1] - whole[0]) * (1 - 1e-9)) this.whole();
    else [this.low, this.high] = [from(start), from(start + wide)];
    this.render();
  }

  // Shows so many times as much, what is at the pixel staying there.
  zoom(factor, at = (this.x.from + this.x.to) / 2) {
    this.show(this.x.value(at + (this.x.from - at) * factor), this.x.value(at + (this.x.to - at) * factor));
  }
}

const rule = (x1, x2, y1, y2, stroke) => draw('line', { x1, x2, y1, y2, stroke });

function text(said, x, y, weight = '', anchor = 'start') {
  const element = draw('text', { x, y, 'text-anchor': anchor, fill: '#222222' });
  if (weight) element.setAttribute('class', weight);
  element.textContent = said;
  return element;
}

// As much of a text as is so wide.
function fitting(said, width) {
  if (measure(said) <= width) return said;
  const letters = Math.max(Math.floor((said.length * width) / measure(said)) - 1, 1);
  return `${said.slice(0, letters)}…`;
}

// Whether each area stands on the one before it.
function isStacked(all) {
  return all.length > 1 && all.every(({ ink, points, base }, nth) => {
    const below = all[nth - 1];
    return ink.mark === 'area' && (!below || (points.length === below.points.length && base.every((value, at) => value === below.points[at][1])));
  });
}

// The data of a chart as CSV.
function table(chart) {
  const quoted = (cell) => (/[",\n]/.test(cell) ? `"${String(cell).replaceAll('"', '""')}"` : cell);
  const rows = [['panel', 'series', chart.x.label, 'value', 'base']];
  chart.panels.forEach((panel) => panel.series.forEach(({ name, points, base }) => {
    points.forEach(([x, y], nth) => rows.push([panel.heading || panel.y.label, name, x, y, base[nth] ?? '']));
  }));
  return rows.map((row) => row.map(quoted).join(',')).join('\n');
}
