// How series are drawn: the same inks as in the drawings that stand in the page for print.

const { charts: CHARTS, ramp: RAMP } = JSON.parse(document.getElementById('charts').textContent);

const MARKERS = {
  circle: 'm-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z',
  cross: 'm-4-4l8 8m0-8l-8 8',
  diamond: 'm-5 0l5-5l5 5l-5 5z',
  square: 'm-4-4h8v8h-8z',
  triangle: 'm0-5l5 10h-10z',
};

// So many points are all marked; of more, one every so many pixels.
const MARKED_MAX = 16;
const MARKER_GAP = 90;

function draw(name, attributes, ...children) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', name);
  Object.entries(attributes).forEach(([key, value]) => element.setAttribute(key, value));
  element.append(...children);
  return element;
}

const path = (points) => points.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join('L');

// The shapes of a series between two rulers; bars stand on `bottom`.
function shapes({ ink, points, base }, x, y, bottom) {
  if (points.length === 0) return [];
  const at = points.map(([px, py]) => [x.at(px), y.at(py)]);
  if (ink.mark === 'cells') return cells({ ink, points, base }, x, y);
  if (ink.mark === 'area') {
    const lower = at.map(([px], nth) => [px, y.at(base[nth])]).reverse();
    const outline = `M${path([...at, ...lower])}Z`;
    return [draw('path', { d: outline, fill: ink.colour, stroke: '#FFFFFF', 'stroke-width': 1 })];
  }
  if (ink.mark === 'bars') {
    const width = at.length > 1 ? at[1][0] - at[0][0] : 8;
    let left = at[0][0] - width;
    const steps = [[left, bottom]];
    at.forEach(([right, top]) => {
      steps.push([left, top], [right, top]);
      left = right;
    });
    steps.push([left, bottom]);
    const d = `M${path(steps)}Z`;
    return [draw('path', { d, fill: ink.colour, 'fill-opacity': 0.45, stroke: ink.colour })];
  }
  const line = { d: `M${path(at)}`, fill: 'none', stroke: ink.colour, 'stroke-width': ink.width, 'stroke-linejoin': 'round' };
  if (ink.dash.length > 0) line['stroke-dasharray'] = ink.dash.join(' ');
  return [draw('path', line), ...markers(ink, at)];
}

function markers(ink, at) {
  if (ink.marker === 'none') return [];
  let last = null;
  const isFar = ([px, py]) => !last || Math.hypot(px - last[0], py - last[1]) >= MARKER_GAP;
  const marked = at.length <= MARKED_MAX ? at : at.filter((point) => isFar(point) && (last = point));
  const d = marked.map(([px, py]) => `M${px.toFixed(1)} ${py.toFixed(1)}${MARKERS[ink.marker]}`).join('');
  return [draw('path', { d, fill: ink.marker === 'cross' ? 'none' : ink.colour, stroke: ink.colour, 'stroke-width': ink.marker === 'cross' ? 2 : 0 })];
}

function cells({ ink, points, base }, x, y) {
  const levels = RAMP.map(() => '');
  points.forEach(([px, py], nth) => {
    const level = Math.min(Math.max(Math.ceil(Math.sqrt(base[nth] / ink.most) * RAMP.length), 1), RAMP.length);
    const [left, right] = [x.at(px), x.at(px + ink.width)];
    const [low, high] = [y.at(py), y.at(py * ink.ratio)];
    levels[level - 1] += `M${left.toFixed(1)} ${low.toFixed(1)}V${high.toFixed(1)}H${right.toFixed(1)}V${low.toFixed(1)}Z`;
  });
  return levels.map((d, level) => draw('path', { d, fill: RAMP[level], 'shape-rendering': 'crispEdges' }));
}

// A sample of a series for its legend.
function swatch(ink) {
  const svg = draw('svg', { viewBox: '0 0 34 14', width: 34, height: 14, 'aria-hidden': true });
  const box = (left, width, fill) => draw('rect', { x: left, y: 1, width, height: 12, fill });
  if (ink.mark === 'cells') {
    svg.append(...RAMP.map((fill, nth) => box((nth * 34) / RAMP.length, 34 / RAMP.length, fill)));
  } else if (ink.mark === 'line') {
    const line = { x1: 0, x2: 34, y1: 7, y2: 7, stroke: ink.colour, 'stroke-width': Math.min(Math.max(ink.width, 1.5), 4) };
    if (ink.dash.length > 0) line['stroke-dasharray'] = ink.dash.join(' ');
    svg.append(draw('line', line), ...markers(ink, [[17, 7]]));
  } else {
    svg.append(box(0, 34, ink.colour));
  }
  return svg;
}
