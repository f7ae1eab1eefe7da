// @ts-check
/** The scales as the service has them: bands, limits, colours. */
import { ask } from './feed.js';

/**
 * @typedef {{from: number, to: number|null, begins: number, index_from: number, index_to: number|null, band: string}} Row
 * @typedef {{name: string, title: string, may_be_asked: boolean, source: string, date: string,
 *   bands: {name: string, index_from: number, index_to: number|null}[],
 *   colours: {index_from: number, official: string, second: string}[],
 *   pollutants: Record<string, {rounding: string, rows: Row[]}>}} Scale
 */

/** @type {Promise<any>|undefined} */
let asked;

/** All scales by name. @returns {Promise<Record<string, Scale>>} */
export async function scales() {
  asked ??= ask('scales');
  const { scales: all } = await asked;
  return Object.fromEntries(all.map((/** @type {Scale} */ each) => [each.name, each]));
}

/** @param {Scale} scale @param {number} index @param {string} [palette] `official` or `second` */
export function colour(scale, index, palette = 'official') {
  const found = scale.colours.findLast((each) => each.index_from <= index) ?? scale.colours[0];
  return palette === 'second' ? found.second : found.official;
}

/** @param {Scale} scale @param {string} pollutant @param {number} value µg/m³ @returns {Row} */
export function bandOf(scale, pollutant, value) {
  const { rows } = scale.pollutants[pollutant];
  return rows.findLast((row) => row.begins <= value) ?? rows[0];
}
