// @ts-check
/** What the page's address says: pure, both ways. `#8/48.78/9.18`, `#sensor=4740,5123`, `#area=48.78,9.18,3`, each with what is chosen behind it. */

/** How many sensors are compared at most. */
export const MOST_SENSORS = 4;

/** The one code that a country has, as the service has it: the feed calls one by two. @template T @param {T} code */
export const oneCode = (code) => (code === 'UK' ? 'GB' : code);

/** What a person chooses to see: the names of the form's fields, `hidden` with commas between its words. */
export const CHOICE = ['scale', 'show', 'band', 'country', 'indoor', 'hidden', 'second', 'rejects'];

/**
 * `chosen` is by CHOICE's names, `wrong` has the parts that say nothing here.
 * @typedef {{lat: number, lon: number, zoom: number}} Middle
 * @typedef {{lat: number, lon: number, km: number}} Area
 * @typedef {{middle?: Middle, sensors?: string[], area?: Area, chosen: Record<string, string>, wrong: string[]}} View
 */

const PLAIN = /^-?\d{1,3}(\.\d{1,17})?$/;

/**
 * Read an address; what of it is not understood is named, and the rest holds.
 * @param {string} hash @returns {View}
 */
export function parse(hash) {
  /** @type {View} */
  const view = { chosen: {}, wrong: [] };
  for (const [name, value] of new URLSearchParams(hash.replace(/^#/, ''))) {
    const read = READ.get(name.includes('/') ? 'middle' : name);
    if (CHOICE.includes(name)) view.chosen[name] = name === 'country' ? oneCode(value) : value;
    else if (!read?.(view, value || name)) view.wrong.push(value ? `${name}=${value}` : name);
  }
  return view;
}

/** Whether it was understood, all of it. @type {Map<string, (view: View, value: string) => boolean>} */
const READ = new Map(Object.entries({
  middle: (view, value) => {
    const [zoom, lat, lon] = numbers(value.split('/'), 3), isMiddle = isPoint(lat, lon) && zoom >= 0 && zoom <= 20;
    if (isMiddle) view.middle = { lat, lon, zoom };
    return isMiddle;
  },
  sensor: (view, value) => {
    const words = [...new Set(value.split(','))], ids = words.filter((id) => /^\d{1,20}$/.test(id)).slice(0, MOST_SENSORS);
    if (ids.length) view.sensors = ids;
    return ids.length === words.length;
  },
  area: (view, value) => {
    const [lat, lon, km] = numbers(value.split(','), 3), isArea = isPoint(lat, lon) && km >= 0.1 && km <= 100;
    if (isArea) view.area = { lat, lon, km };
    return isArea;
  },
}));

/** @param {string[]} words @param {number} count */
function numbers(words, count) {
  return words.length === count && words.every((word) => PLAIN.test(word)) ? words.map(Number) : [];
}

/** @param {number} lat @param {number} lon */
export const isPoint = (lat, lon) => Math.abs(lat) <= 90 && Math.abs(lon) <= 180;

/**
 * Write an address: what is open in the panel, or else where the map is, and what is chosen.
 * @param {Partial<View>} view @returns {string}
 */
export function format({ middle, sensors, area, chosen = {} }) {
  const parts = CHOICE.filter((name) => chosen[name]).map((name) => `${name}=${encodeURIComponent(chosen[name]).replaceAll('%2C', ',').replaceAll('%20', '+')}`);
  if (sensors?.length) parts.unshift(`sensor=${sensors.join(',')}`);
  else if (area) parts.unshift(`area=${short(area.lat, 4)},${short(area.lon, 4)},${short(area.km, 1)}`);
  else if (middle) parts.unshift(middlePart(middle));
  return `#${parts.join('&')}`;
}

/** @param {Middle} middle */
function middlePart({ lat, lon, zoom }) {
  const digits = Math.ceil(Math.log10(2 ** zoom));
  return `${short(zoom, 2)}/${short(lat, digits)}/${short(lon, digits)}`;
}

/** @param {number} value @param {number} digits */
const short = (value, digits) => String(Number(value.toFixed(digits)));
