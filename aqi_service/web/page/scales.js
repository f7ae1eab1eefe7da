// @ts-check
/** The scales as the service has them: bands, limits, colours. */
import { svg } from './dom.js';
import { ask } from './feed.js';

/**
 * @typedef {{from: number, to: number|null, begins: number, index_from: number, index_to: number|null, band: string}} Row
 * @typedef {{name: string, title: string, may_be_asked: boolean, source: string, date: string,
 *   bands: {name: string, index_from: number, index_to: number|null}[],
 *   colours: {index_from: number, official: string, second: string}[],
 *   pollutants: Record<string, {rounding: string, missing: number|null, rows: Row[]}>}} Scale
 */

/** @type {Promise<any>|undefined} */
let asked;

/** What is answered is kept; what fails is asked again. */
const answer = () => (asked ??= ask('scales').catch((error) => { asked = undefined; throw error; }));

/** All scales by name. @returns {Promise<Record<string, Scale>>} */
export const scales = async () => Object.fromEntries((await answer()).scales.map((/** @type {Scale} */ each) => [each.name, each]));

/** The limits for 24-hour means. @returns {Promise<{name: string, limits: Record<string, number>, source: string, date: string}>} */
export const guideline = async () => (await answer()).guideline;

/** Which colours were chosen: `official` or `second`. */
export const paletteNow = () => document.documentElement.dataset.palette ?? 'official';

/** @param {Scale} scale @param {number} index @param {string} [palette] `official` or `second` */
export function colour(scale, index, palette = 'official') {
  const found = scale.colours.findLast((each) => each.index_from <= index) ?? scale.colours[0];
  return palette === 'second' ? found.second : found.official;
}

/** @param {Scale} scale @param {string} pollutant @param {number} value µg/m³ @returns {Row} */
export function bandOf(scale, pollutant, value) {
  const { rows } = scale.pollutants[pollutant];
  // Where nothing is rounded, a row begins just above the end of the one before.
  return rows.findLast((row, at) => (row.from === rows[at - 1]?.to ? row.begins < value : row.begins <= value)) ?? rows[0];
}

/** A value as the scale compares it, half up or cut to whole or tenths: how is the distance of its first two rows. @param {Scale} scale @param {string} pollutant @param {number} value µg/m³ */
export function prepared(scale, pollutant, value) {
  const [first, second] = scale.pollutants[pollutant].rows, unit = second.from - Number(first.to), per = Math.round(1 / unit);
  return unit ? Math.floor((value + (second.from - second.begins)) * per) / per : value;
}

/** A scale's name if the service can be asked for it, else null. @param {string|undefined} name */
export const askable = async (name) => (name && (await scales())[name]?.may_be_asked ? name : null);

/** What is read on a colour: black or white, whichever has the more contrast (WCAG 2.2). @param {string} fill #rrggbb */
export function ink(fill) {
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(fill.slice(at, at + 2), 16) / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.1791 ? '#000' : '#fff';
}

/** A band's colours side by side. @param {Scale} scale @param {Scale['bands'][0]} band @param {string} palette */
export function swatches(scale, { index_from: from, index_to: to }, palette) {
  const all = scale.colours.filter((each) => each.index_from >= from && each.index_from <= (to ?? Infinity)), side = 14;
  return svg('svg', { width: all.length * side, height: side, 'aria-hidden': 'true' },
    ...all.map((each, at) => svg('rect', { x: at * side, width: side, height: side, stroke: '#444', fill: colour(scale, each.index_from, palette) })));
}

/** @param {number} from @param {number|null} to */
export const range = (from, to) => (to === null ? `${from} and more` : from === to ? String(from) : `${from}–${to}`);
