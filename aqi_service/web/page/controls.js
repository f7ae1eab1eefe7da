// @ts-check
/** What a person chooses to see, the legend, and the theme. */
import { el } from './dom.js';
import { range, swatches } from './scales.js';

const THEMES = ['auto', 'light', 'dark'];

/** @typedef {import('./filters.js').Choice & {scale: string, palette: string, rejects: boolean}} Chosen */

/** @param {HTMLFormElement} form @returns {Chosen} */
export function chosenIn(form) {
  const said = new FormData(form);
  const text = (/** @type {string} */ name) => String(said.get(name) ?? '');
  return {
    show: /** @type {Chosen['show']} */ (text('show')), band: text('band'), country: text('country'),
    indoor: /** @type {Chosen['indoor']} */ (text('indoor')), hidden: new Set(said.getAll('hidden').map(String)),
    scale: text('scale'), palette: said.has('second') ? 'second' : 'official', rejects: said.has('rejects'),
  };
}

/** @param {HTMLFormElement} form @param {string} name @param {[string, string][]} options value, text; '' stays first */
export function offer(form, name, options) {
  const select = /** @type {HTMLSelectElement} */ (form.elements.namedItem(name)), had = select.value;
  const all = [...select.options].filter((option) => option.value === '');
  select.replaceChildren(...all, ...options.map(([value, text]) => new Option(text, value)));
  select.value = [...select.options].some((option) => option.value === had) ? had : select.options[0]?.value ?? '';
}

/** @param {(string|null)[]} countries @returns {[string, string][]} with their names, by name */
export function countryOptions(countries) {
  const names = new Intl.DisplayNames(['en'], { type: 'region', fallback: 'code' });
  const all = [...new Set(countries)].filter((each) => each && /^[A-Z]{2}$/.test(each)).map(String);
  return all.map((code) => /** @type {[string, string]} */ ([code, names.of(code) ?? code])).sort((a, b) => a[1].localeCompare(b[1], 'en'));
}

/**
 * @param {HTMLElement} name @param {HTMLElement} list @param {any} scale @param {Chosen} chosen
 */
export function showLegend(name, list, scale, { show, palette }) {
  name.textContent = `${scale.title}${show === 'index' ? '' : `: ${show === 'P10' ? 'PM10' : 'PM2.5'}, µg/m³`}`;
  list.replaceChildren(...scale.bands.map((/** @type {any} */ band) => el('li', {}, swatches(scale, band, palette),
    el('span', {}, show === 'index' ? range(band.index_from, band.index_to) : limits(scale.pollutants[show].rows, band.name)), el('span', {}, band.name))));
}

/** @param {any[]} rows @param {string} band */
function limits(rows, band) {
  const all = rows.filter((row) => row.band === band);
  return all.length ? range(all[0].from, all[all.length - 1].to) : '';
}

/** @param {HTMLButtonElement} button @param {() => void} changed */
export function themeSwitch(button, changed) {
  const root = document.documentElement;
  const say = () => { button.textContent = `Theme: ${root.dataset.theme}`; };
  button.addEventListener('click', () => {
    root.dataset.theme = THEMES[(THEMES.indexOf(root.dataset.theme ?? 'auto') + 1) % THEMES.length];
    try { localStorage.setItem('theme', root.dataset.theme); } catch { /* it holds for this page alone */ }
    say();
    changed();
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', changed);
  say();
}
