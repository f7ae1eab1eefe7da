// @ts-check
/** What the numbers mean, in words: pure. One rule: no index is computed here; the service's own is explained. */
import { ageWords, timeOf } from './state.js';

/** What the numbers are not, in one line. */
export const NOT = 'What citizens\' sensors report: uncalibrated, not corrected for humidity, some indoors. No regulatory measurement, no health advice.';

/** What speaks against a sensor, or that nothing does. @param {any} sensor */
export const doubts = (sensor) => leftOut(sensor) || (!sensor.checks || sensor.checks.flags.includes('alone') ? 'not compared' : 'none');

/** @type {Record<string, string>} */
const SHORT = { daqi: 'DAQI', 'us-epa': 'US AQI' };
/** Humidity in % from which water on the grains counts as dust: Sensor.Community's and EPA's warnings begin about there. */
export const DAMP = 80;
/** Hours of the last 24 that an official daily mean must have (75 %: EU directive 2008/50/EC, annex XI). */
export const ENOUGH_HOURS = 18;

/** @param {string|null} name of a scale */
export const shortName = (name) => SHORT[name ?? ''] ?? 'index';

/** @param {number} count @param {string} one @param {string} [many] */
export const counted = (count, one, many = `${one}s`) => `${count} ${count === 1 ? one : many}`;

/** @param {any} record or a day */
export const indexWords = ({ AQI: index, AQI_range: band }) => (index === null ? '–' : `${index}, ${band}`);

/** @param {any} record */
export const ageOf = ({ age_seconds: age }) => (age === null ? 'of unknown age' : ageWords(age * 1000));

/** @param {any} row of a pollutant's table @param {string} pollutant */
export function rowWords(row, pollutant) {
  const range = row.to === null ? `${row.from} and more` : `${row.from} to ${row.to}`;
  const to = row.index_to === null ? ' and more' : row.index_to === row.index_from ? '' : ` to ${row.index_to}`;
  return `${pollutant} ${range} µg/m³ is ${row.index_from}${to}, ${row.band}`;
}

/** The row of a table that an index came from. @param {any} scale @param {string} pollutant @param {number} index */
export function rowOf(scale, pollutant, index) {
  return scale.pollutants[pollutant].rows.findLast((/** @type {any} */ row) => row.index_from <= index) ?? null;
}

/**
 * Why a record has its index: `PM2.5 24.3 → 24 → DAQI 3; PM10 40 → 40 → 2; the higher counts`, and the rows.
 * @param {any} record with `P2.5`, `P10` and `AQI`, as the API has it @param {any} scale
 */
export function why(record, scale) {
  const there = ['P2.5', 'P10'].filter((name) => record[name]?.index !== null && record[name]?.index !== undefined);
  const steps = there.map((name, place) => {
    const { value, rounded, index } = record[name];
    return `${shown(name)} ${value} → ${rounded} → ${place ? '' : `${shortName(scale.name)} `}${index}`;
  });
  const rows = there.map((name) => rowWords(rowOf(scale, name, record[name].index), shown(name)));
  return { sum: [...steps, which(record, there, scale)].join('; '), rows, rounding: there.map((name) => `${shown(name)} ${scale.pollutants[name].rounding}`) };
}

/** @param {any} record @param {string[]} there @param {any} scale */
function which(record, there, scale) {
  const [one] = there, other = one === 'P10' ? 'P2.5' : 'P10', missing = scale.pollutants[other].missing ?? null;
  if (there.length < 2) return one ? `only ${shown(one)} was reported${missing === null ? '' : `, and ${shown(other)} counts as ${missing}`}` : 'no value that this scale counts';
  return record['P2.5'].index === record.P10.index ? 'both say the same' : `the ${scale.decides === 'highest' ? 'higher' : 'lower'} counts`;
}

/** @param {string} pollutant as the API names it */
export const shown = (pollutant) => (pollutant === 'P2.5' ? 'PM2.5' : 'PM10');

/** How far to trust a sensor, one line each. @param {any} sensor as the API has it @returns {[string, string][]} name and text */
export function trust(sensor) {
  const { checks, record } = sensor;
  const humidity = checks?.humidity ?? null, hours = checks?.hours_seen ?? null;
  return [
    ['Neighbours', ...neighbours(sensor)],
    ['Humidity in its box', humidity === null ? 'not known; in fog optical sensors read high'
      : `${humidity} %${humidity >= DAMP ? ': optical sensors read high in fog' : ', too dry for fog, in which optical sensors read high'}`],
    ['Hours seen of the last 24', hours === null ? `not known; an official day needs ${ENOUGH_HOURS}`
      : `${hours}; an official day needs ${ENOUGH_HOURS}${hours < ENOUGH_HOURS ? ', so this mean may stand for less than a day' : ''}`],
    ['Age', `${ageOf(record)}${checks?.flags.includes('stale') ? ': silent for over 3 hours before the latest file' : ''}`],
  ];
}

/** @param {any} sensor @returns {[string]} */
function neighbours({ checks, record, indoor }) {
  if (indoor) return ['it stands indoors, so it is compared with none, and counts in no area'];
  if (!checks) return ['not compared: the checks did not see this measurement'];
  const { flags, median, neighbours: count } = checks, value = (record['P2.5'] ?? record.P10)?.value;
  if (flags.includes('alone')) return [`only ${counted(count ?? 0, 'sensor')} to compare with within 10 km; 5 are needed`];
  if (median === null || count === null) return ['not compared: it has no value or no place'];
  const said = `half of its ${count} neighbours within 10 km are at ${median} µg/m³ or less; this one says ${value}`;
  if (flags.includes('high')) return [`${said}: far above them. A broken sensor, or smoke next door`];
  if (flags.includes('low')) return [`${said}: far below them. Perhaps a broken or covered sensor`];
  return [`${said}: not far enough off to be doubted`];
}

/** Why a sensor does not count in an area, by the API's word for it. @type {Record<string, string>} */
export const LEFT = { indoor: 'indoors', stale: 'silent for over 3 hours', high: 'far above its neighbours', low: 'far below its neighbours', no_value: 'without a value' };

/** The same of one sensor, '' if it counts. @param {any} sensor */
export function leftOut({ indoor, checks, record }) {
  const flag = checks?.flags.find((/** @type {string} */ each) => each in LEFT) ?? (record['P2.5'] || record.P10 ? '' : 'no_value');
  return LEFT[indoor ? 'indoor' : flag] ?? '';
}

/**
 * What the days of a year come to. A day counts with 18 hours or more and a record that stands for it.
 * @param {any[]} days @param {number} from index @returns {{above: number, counted: number, thin: number}}
 */
export function dayCounts(days, from) {
  const full = days.filter(isFull), seen = days.filter((day) => day.hours > 0);
  return { above: full.filter((day) => day.AQI >= from).length, counted: full.length, thin: seen.length - full.length };
}

/** @param {any} day */
export const isFull = (day) => day.AQI !== null && day.hours >= ENOUGH_HOURS;

/** @param {any[]} days @param {any} record the sensor's newest @param {any} scale */
export function daysLine(days, record, scale) {
  const { above, counted: full, thin } = dayCounts(days, scale.advice_from);
  const kept = record.expires_at ? Math.round((Date.parse(record.expires_at) - timeOf(record.timestamp)) / 86_400_000) : null;
  return `${full ? `Days at ${scale.advice_from} or more: ${above} of ${full} with ${ENOUGH_HOURS} hours or more` : `No day here has ${ENOUGH_HOURS} hours or more yet`}; ${thin} too thin to count${thin ? ' (hollow)' : ''}; ` +
    (kept ? `records are kept ${counted(kept, 'day')} here.` : 'records are not deleted here.');
}

/** @type {Map<string, string>} */
const REASONS = new Map(Object.entries({
  excluded: 'its sensor is left out here', unreadable: 'its text cannot be read', too_long: 'it is longer than any measurement', too_deep: 'it is nested deeper than any measurement',
  not_an_object: 'it is no measurement', bad_id: 'its number is no number', bad_timestamp: 'its time is none, long past, or in the future',
  not_mass: 'this kind of sensor counts particles, and no factor makes µg/m³ of that',
  no_pm_value: 'no usable value of PM2.5 or PM10, as failed sensors send them', refused: 'the table does not take it',
}));

/** Why a measurement was rejected. @param {string} reason as the API has it */
export const reasonWords = (reason) => REASONS.get(reason) ?? reason;

/** What becomes of a record, in the order of the bars. @type {[string, string][]} */
export const FATES = [
  ['stored', 'stored: new, or newer than what was there'], ['unchanged', 'unchanged: was there already'], ['superseded', 'superseded: a newer one was there'],
  ['merged', 'merged: the second half of one measurement'], ['without_pm', 'without fine dust: temperature and the like'],
  ['expired', 'expired: too old to be kept'], ['rejected', 'rejected'], ['pending', 'pending: not stored yet'],
];

/** The sum of a counter over its labels in Prometheus' text, or of those with one label. @param {string} text @param {string} name @param {string} [label] */
export function counter(text, name, label = '') {
  const lines = text.split('\n').filter((line) => (line.startsWith(`${name}{`) && line.includes(label)) || (!label && line.startsWith(`${name} `)));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

/** Lookups a minute between two looks at a counter; null if it began anew, or too little time passed. @param {{at: number, count: number}} first @param {{at: number, count: number}} last */
export function aMinute(first, last) {
  const minutes = (last.at - first.at) / 60_000;
  return minutes < 0.1 || last.count < first.count ? null : Math.round(((last.count - first.count) / minutes) * 10) / 10;
}
