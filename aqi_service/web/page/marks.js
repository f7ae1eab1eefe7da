// @ts-check
/** What is drawn of the sensors that show: places, colours, shapes. */
import { flagsAt, isClean } from './filters.js';
import { easting, northing } from './ground.js';
import { abgr, DOT, HOLLOW, HOLLOW_SQUARE, SQUARE } from './pixels.js';
import { bandOf, colour, prepared } from './scales.js';

/** @typedef {import('./filters.js').Choice} Choice */
/** @typedef {import('./feed.js').Columns} Columns */

/** Name of the band of what is coloured; null without a value. @param {Columns} columns @param {Choice} choice @param {any} scale */
export function bandsOf(columns, choice, scale) {
  const { show } = choice;
  return (/** @type {number} */ at) => {
    if (show === 'index') return columns.AQI_range[at];
    const value = columns[show][at];
    return value === null ? null : bandOf(scale, show, value).band;
  };
}

/**
 * @param {Columns} columns @param {number[]} shown @param {Choice} choice @param {any} scale @param {string} palette
 * @param {(name: string) => string} css gives a colour of the theme
 * @returns {{marks: import('./layer.js').Marks, order: number[]}} in the order of drawing: what is in doubt lies below
 */
export function marksOf(columns, shown, choice, scale, palette, css) {
  const order = [...shown].sort((a, b) => Number(isClean(columns, a)) - Number(isClean(columns, b)));
  const values = choice.show === 'index' ? columns.AQI : columns[choice.show];
  /** @type {Map<number, number>} */
  const known = new Map();
  const colourOf = (/** @type {number} */ value) => {
    const index = choice.show === 'index' ? Math.floor(value + 0.5) : bandOf(scale, choice.show, value).index_from;
    if (!known.has(index)) known.set(index, abgr(colour(scale, index, palette)));
    return /** @type {number} */ (known.get(index));
  };
  const none = abgr(css('--none'));
  const value = Float64Array.from(order, (at) => Number(values[at]));
  const marks = {
    x: Float64Array.from(order, (at) => easting(Number(columns.longitude[at]))),
    y: Float64Array.from(order, (at) => northing(Number(columns.latitude[at]))),
    value, colourOf, none, edge: abgr(css('--edge')), ink: css('--name'),
    colour: Uint32Array.from(order, (at, place) => (flagsAt(columns, at).includes('stale') ? none : colourOf(value[place]))),
    shape: Uint8Array.from(order, (at) => shapeOf(columns, at)),
    clean: Uint8Array.from(order, (at) => Number(isClean(columns, at))),
    textOf: (/** @type {number} */ each) => String(choice.show === 'index' ? each : prepared(scale, choice.show, each)),
  };
  return { marks, order };
}

/** @param {Columns} columns @param {number} at */
function shapeOf(columns, at) {
  const isOff = flagsAt(columns, at).some((flag) => flag !== 'stale');
  if (columns.indoor[at]) return isOff ? HOLLOW_SQUARE : SQUARE;
  return isOff ? HOLLOW : DOT;
}
