// @ts-check
/** What the page's address says: pure, both ways. `#8/48.78/9.18`, `#sensor=4740,5123`, `#area=48.78,9.18,3`. */

/** How many sensors are compared at most. */
export const MOST_SENSORS = 4;

/**
 * @typedef {{lat: number, lon: number, zoom: number}} Middle
 * @typedef {{lat: number, lon: number, km: number}} Area
 * @typedef {{middle?: Middle, sensors?: string[], area?: Area, scale?: string, show?: string}} View
 */

const PLAIN = /^-?\d{1,3}(\.\d{1,8})?$/;

/**
 * Read an address; what is no address of the page is an empty view.
 * @param {string} hash @returns {View}
 */
export function parse(hash) {
  /** @type {View} */
  const view = {};
  for (const part of hash.replace(/^#/, '').split('&')) {
    const [name, value] = part.includes('=') ? part.split('=', 2) : ['', part];
    READ.get(name)?.(view, value.replace(/%2C/gi, ',').replace(/%2F/gi, '/')); // which some messengers write
  }
  return view;
}

/** @type {Map<string, (view: View, value: string) => void>} */
const READ = new Map(Object.entries({
  '': (view, value) => {
    const [zoom, lat, lon] = numbers(value.split('/'), 3);
    if (isPoint(lat, lon) && zoom >= 0 && zoom <= 20) view.middle = { lat, lon, zoom };
  },
  sensor: (view, value) => {
    const ids = [...new Set(value.split(',').filter((id) => /^\d{1,20}$/.test(id)))];
    if (ids.length) view.sensors = ids.slice(0, MOST_SENSORS);
  },
  area: (view, value) => {
    const [lat, lon, km] = numbers(value.split(','), 3);
    if (isPoint(lat, lon) && km >= 0.1 && km <= 100) view.area = { lat, lon, km };
  },
  scale: (view, value) => {
    if (/^[a-z0-9-]{1,20}$/.test(value)) view.scale = value;
  },
  show: (view, value) => {
    if (value === 'P2.5' || value === 'P10') view.show = value;
  },
}));

/** @param {string[]} words @param {number} count */
function numbers(words, count) {
  return words.length === count && words.every((word) => PLAIN.test(word)) ? words.map(Number) : [];
}

/** @param {number} lat @param {number} lon */
export const isPoint = (lat, lon) => Math.abs(lat) <= 90 && Math.abs(lon) <= 180;

/**
 * Write an address: what is open in the panel, or else where the map is.
 * @param {View} view @returns {string}
 */
export function format(view) {
  const { middle, sensors, area, scale, show } = view;
  const parts = [];
  if (sensors?.length) parts.push(`sensor=${sensors.join(',')}`);
  else if (area) parts.push(`area=${short(area.lat, 4)},${short(area.lon, 4)},${short(area.km, 1)}`);
  else if (middle) parts.push(middlePart(middle));
  if (scale) parts.push(`scale=${scale}`);
  if (show) parts.push(`show=${show}`);
  return `#${parts.join('&')}`;
}

/** @param {Middle} middle */
function middlePart({ lat, lon, zoom }) {
  const digits = Math.ceil(Math.log10(2 ** zoom));
  return `${short(zoom, 2)}/${short(lat, digits)}/${short(lon, digits)}`;
}

/** @param {number} value @param {number} digits */
const short = (value, digits) => String(Number(value.toFixed(digits)));
