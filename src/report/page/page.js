// The page: a chart for each figure, the choice of a theme, and details that open for print.

CHARTS.forEach((chart) => {
  const figure = document.getElementById(chart.name);
  if (figure) new Board(chart, figure);
});

const THEMES = ['auto', 'light', 'dark'];
let theme = 0;
const chooser = button('Theme: auto', 'Theme: auto', () => {
  theme = (theme + 1) % THEMES.length;
  document.documentElement.dataset.theme = THEMES[theme];
  chooser.textContent = `Theme: ${THEMES[theme]}`;
  ['aria-label', 'title'].forEach((name) => chooser.setAttribute(name, chooser.textContent));
});
chooser.className = 'theme';
document.querySelector('header').prepend(chooser);

// What is wider than its place can be scrolled by keys.
document.querySelectorAll('.scroll, pre').forEach((wide) => {
  const said = wide.closest('section')?.querySelector('h2, h3')?.textContent ?? '';
  const fit = () => {
    const isCut = wide.scrollWidth > wide.clientWidth;
    const name = wide.querySelector('caption')?.textContent || said;
    const words = { tabindex: 0, role: 'region', 'aria-label': `${name}, scrolls` };
    Object.entries(words).forEach(([key, value]) => (isCut ? wide.setAttribute(key, value) : wide.removeAttribute(key)));
  };
  fit();
  new ResizeObserver(fit).observe(wide);
});

let closed = [];
addEventListener('beforeprint', () => {
  closed = [...document.querySelectorAll('details:not([open])')];
  closed.forEach((details) => details.setAttribute('open', ''));
});
addEventListener('afterprint', () => closed.forEach((details) => details.removeAttribute('open')));
