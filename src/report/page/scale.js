// Axes: where a value stands, which round values are ticked, and how a value reads.

const SCALES = {
  linear: { to: (value) => value, from: (at) => at },
  log: { to: (value) => Math.log10(Math.max(value, 1e-12)), from: (at) => 10 ** at },
  // Logarithmic towards 100 %.
  tail: {
    to: (value) => -Math.log10(1 - Math.min(Math.max(value, 0), 99.99999) / 100),
    from: (at) => 100 * (1 - 10 ** -at),
  },
};

const TAILS = [0, 50, 75, 90, 95, 99, 99.5, 99.9, 99.95, 99.99, 99.995, 99.999, 99.9999, 99.99999];

// A part of an axis, from `low` to `high`, between two pixels.
class Ruler {
  constructor(axis, low, high, from, to) {
    Object.assign(this, { axis, low, high, from, to });
    this.scale = SCALES[axis.scale];
  }

  at(value) {
    const { to } = this.scale;
    const part = (to(value) - to(this.low)) / (to(this.high) - to(this.low));
    return this.from + (Number.isFinite(part) ? part : 0) * (this.to - this.from);
  }

  value(at) {
    const { to, from } = this.scale;
    const part = (at - this.from) / (this.to - this.from);
    return from(to(this.low) + part * (to(this.high) - to(this.low)));
  }

  holds(value) {
    const dust = (this.high - this.low) * 1e-9;
    return value >= this.low - dust && value <= this.high + dust;
  }

  // Values with their labels: those of the axis where all of it is shown.
  ticks() {
    const { axis, low, high } = this;
    const given = axis.ticks.filter(([value]) => this.holds(value));
    if (axis.reading.kind === 'name' || (low === axis.low && high === axis.high)) return given;
    const finer = axis.scale === 'log' ? decades(low, high) : axis.scale === 'tail' ? TAILS : [];
    const inside = finer.filter((value) => this.holds(value));
    if (inside.length > 2) return inside.map((value) => [value, read(axis, value)]);
    return this.evenly();
  }

  evenly() {
    const { axis, low, high } = this;
    const factor = factorOf(axis, high);
    const step = roundStep((high - low) / factor / 6);
    const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
    const first = Math.ceil(low / factor / step - 1e-9);
    const last = Math.floor(high / factor / step + 1e-9);
    const ticks = [];
    for (let nth = first; nth <= last && ticks.length < 40; nth += 1) {
      ticks.push([nth * step * factor, affixed(axis, nth * step, Math.min(decimals, 12), high)]);
    }
    return ticks;
  }
}

// The round step, 1, 2 or 5 times a power of ten, that is no less than `rough`.
function roundStep(rough) {
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * [1, 2, 5, 10].find((digit) => digit * power >= rough * (1 - 1e-9));
}

function decades(low, high) {
  const wide = Math.log10(high / low);
  const digits = wide < 0.8 ? [1, 1.5, 2, 3, 4, 5, 7] : wide < 3 ? [1, 2, 5] : [1];
  const all = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power += 1) {
    all.push(...digits.map((digit) => Number((digit * 10 ** power).toPrecision(6))));
  }
  return all;
}

const SPANS = [[1, ' s'], [1e-3, ' ms'], [1e-6, ' µs'], [1e-9, ' ns']];

const spanUnit = (size) => SPANS.find(([factor]) => size >= factor * 0.9999) ?? SPANS[3];

// What numbers at the axis are multiples of.
function factorOf(axis, high) {
  return axis.reading.kind === 'span' ? spanUnit(high)[0] : axis.reading.factor;
}

// A number with the axis' unit, of which `high` says how large it is for spans.
function affixed(axis, number, decimals, high) {
  const { kind, prefix, suffix } = axis.reading;
  const sign = number < 0 ? '-' : '';
  const shown = group(Math.abs(number).toFixed(decimals));
  return kind === 'span' ? `${sign}${shown}${spanUnit(high)[1]}` : `${sign}${prefix}${shown}${suffix}`;
}

// A value as a person reads it: four significant digits or more, and its unit.
function read(axis, value) {
  const { kind, prefix, factor } = axis.reading;
  if (kind === 'name') {
    return axis.ticks.find(([row]) => Math.floor(row) === Math.floor(value))?.[1] ?? '';
  }
  if (kind === 'span') {
    const [size] = spanUnit(Math.abs(value));
    return value === 0 ? '0 s' : affixed(axis, value / size, decimalsOf(value / size), Math.abs(value));
  }
  const number = axis.scale === 'tail' ? Number(value.toFixed(tailDecimals(value))) : value / factor;
  const power = factor < 1 ? ` × ${factor.toExponential(0)}` : '';
  const decimals = axis.scale === 'tail' ? (String(number).split('.')[1] ?? '').length : decimalsOf(number);
  return affixed(axis, number, prefix === '$' && Math.abs(number) >= 1 ? 2 : decimals, 1) + power;
}

// Three digits of what is beyond a percentile.
const tailDecimals = (value) => Math.min(6, Math.max(0, 2 - Math.floor(Math.log10(Math.max(100 - value, 1e-6)))));

function decimalsOf(number) {
  if (Number.isInteger(number)) return 0;
  const size = Math.floor(Math.log10(Math.abs(number)));
  return Math.min(12, Math.max(0, 3 - size));
}

function group(number) {
  const [whole, part] = number.split('.');
  return whole.replace(/\B(?=(\d{3})+$)/g, ',') + (part === undefined ? '' : `.${part}`);
}
