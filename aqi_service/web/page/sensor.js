// @ts-check
/** A sensor, or up to four beside each other: why this number, how far to trust it, its week and its year. */
import { asking, el, fold, link, linked, svg, table } from './dom.js';
import { ask, asked, Refused } from './feed.js';
import { dayStrip, dayTable, historyTable, legend, linePlot } from './plot.js';
import { colour, guideline, paletteNow, scales } from './scales.js';
import { ageWords, OLD_MS, timeOf } from './state.js';
import { counted, daysLine, EXPLAINED, leftOut, NOT, shortName, trust, why } from './words.js';

const DAY = 86_400_000, WEEK_DAYS = 7, YEAR_DAYS = 365;
/** Pages of a history that are asked for: a week of a file every 5 minutes has 3. */
const MOST_PAGES = 5;

/**
 * Fill a panel with sensors; on `scale` (the service's own without one).
 * @param {HTMLElement} panel @param {string[]} ids 1 to 4 @param {string|null} scale @param {AbortSignal} signal
 */
export async function showSensor(panel, ids, scale, signal) {
  asking(panel, `${ids.length > 1 ? 'sensors' : 'sensor'} ${ids.join(', ')}`);
  const query = scale ? `?scale=${scale}` : '';
  const [all, limit, ...found] = await Promise.all([scales(), guideline(), ...ids.map((id) => sensorOf(id, query, signal))]);
  if (signal.aborted) return;
  const sensors = found.filter((each) => typeof each !== 'string');
  const missing = found.filter((each) => typeof each === 'string').map((text) => el('p', { class: 'missing' }, text));
  const on = all[scale ?? sensors[0]?.record.scale] ?? all.daqi;
  if (!sensors.length) return panel.replaceChildren(...missing);
  const week = el('section', {}, el('p', { role: 'status' }, 'Asking for its last days…'));
  const year = el('section', {}, el('p', { role: 'status' }, 'Asking for its last year…'));
  const top = sensors.length > 1 ? compared(sensors, on) : alone(sensors[0], on, scale);
  panel.replaceChildren(...missing, ...top.head, week, year, ...top.foot, el('p', { class: 'not' }, NOT), credit(sensors[0]));
  const width = Math.round(Math.min(900, Math.max(280, panel.clientWidth || 360)));
  await Promise.all([
    fill(week, 'The last 7 days', signal, () => weekOf(sensors, on, limit, query, width, signal)),
    fill(year, 'The last 365 days', signal, () => yearOf(sensors, on, query, width, signal)),
  ]);
}

/** A sensor, or a sentence why there is none. @param {string} id @param {string} query @param {AbortSignal} signal @returns {Promise<any>} */
async function sensorOf(id, query, signal) {
  try {
    return await ask(`sensors/${id}${query}`, signal);
  } catch (error) {
    if (error instanceof Refused && error.status === 404) {
      return `There is no sensor ${id} here: it never sent fine dust to this service, or not for as long as records are kept. Numbers of measurements are no numbers of sensors; the search finds both.`;
    }
    if (error instanceof Refused) return `Sensor ${id} cannot be shown now: ${error.message}`;
    throw error;
  }
}

/** Fill a section when what it needs has come; what is wrong is said in it. @param {HTMLElement} section @param {string} title @param {AbortSignal} signal @param {() => Promise<Node[]>} make */
async function fill(section, title, signal, make) {
  const heading = el('h3', {}, title);
  try {
    section.replaceChildren(heading, ...(await make()));
  } catch (error) {
    if (signal.aborted) return;
    section.replaceChildren(heading, el('p', { class: 'missing' }, `They cannot be shown now: ${/** @type {Error} */ (error).message}`));
  }
}

/** @param {any} sensor @param {any} scale @param {string|null} asked_ */
function alone(sensor, scale, asked_) {
  const { record, latitude, longitude, country, sensor_id: id, provenance } = sensor;
  const { sum, rows, rounding } = why(record, scale), query = asked_ ? `?scale=${asked_}` : '';
  const head = [
    el('h2', {}, `Sensor ${id}`),
    el('p', { class: 'place' }, [country, sensor.indoor ? 'indoors' : null, latitude === null ? 'without a place' : `${latitude}, ${longitude}`].filter(Boolean).join(' · ')),
    big(record, scale),
    el('section', {}, el('h3', {}, 'Why this number'), el('p', { class: 'sum' }, sum),
      el('ul', {}, ...rows.map((row) => el('li', {}, row))),
      el('p', { class: 'small' }, `${scale.title}: ${rounding.join(', ')}. `, linked(`${scale.source}, ${scale.date}.`)),
      fold('What these words mean', () => [el('dl', {}, ...Object.entries(EXPLAINED).flatMap(([name, text]) => pair(name, text)))])),
    el('section', {}, el('h3', {}, 'How far to trust it'),
      el('dl', {}, ...trust(sensor).flatMap(([name, text]) => [el('dt', {}, name), el('dd', {}, text)]))),
  ];
  const at = timeOf(record.timestamp), base = `/api/v1/sensors/${id}`;
  const foot = [el('section', {}, el('h3', {}, 'More of it'), el('dl', {},
    ...pair('Measured until', Number.isNaN(at) ? 'not known' : `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC, ${new Date(at).toLocaleString()} where you are`),
    ...pair('Kind of sensor', sensor.sensor_type ?? 'not known'), ...pair('Number of sensor', id), ...pair('Number of measurement', record.id)),
  el('p', { class: 'links' },
    latitude === null ? null : link(`https://maps.sensor.community/#14/${latitude}/${longitude}`, 'On maps.sensor.community'),
    link(`${base}${query}`, 'JSON'), link(`${base}.csv${query}`, 'CSV'),
    latitude === null ? null : link(`#area=${latitude},${longitude},3`, 'The area around it')),
  fold('Where from', () => [el('dl', {}, ...pair('File', provenance.snapshot ?? 'an earlier file of the network'), ...pair('Of', provenance.snapshot_time ?? 'not known'),
    ...pair('Its sha256', provenance.sha256 ?? 'not known'), ...pair('Loaded by', provenance.version ? `aqi_service ${provenance.version}` : 'not known'))]))];
  return { head, foot };
}

/** @param {string} name @param {string|number} text */
const pair = (name, text) => [el('dt', {}, name), el('dd', {}, text)];

/** The index, large, with its band, and that it is no value of now. @param {any} record @param {any} scale @param {string} [what] */
export function big(record, scale, what = '24-hour mean, not now') {
  const index = record.AQI;
  return el('p', { class: 'big' },
    chip(index, scale), ` ${index === null ? 'no index' : `${shortName(scale.name)} ${index}, ${record.AQI_range}`}`,
    el('br'), record.age_seconds * 1000 > OLD_MS && el('strong', { class: 'old' }, 'Old. '), el('small', {}, `${what}; ${record.age_seconds === null ? 'of unknown age' : ageWords(record.age_seconds * 1000)}`));
}

/** A number on its colour; the words beside it say the same. @param {number|null} index @param {any} scale */
export function chip(index, scale) {
  const fill = index === null ? '#9aa3a9' : colour(scale, index, paletteNow());
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(fill.slice(at, at + 2), 16));
  return svg('svg', { class: 'chip', viewBox: '0 0 40 26', 'aria-hidden': 'true' },
    svg('rect', { x: 1, y: 1, width: 38, height: 24, rx: 6, fill }),
    svg('text', { x: 20, y: 19, fill: r * 0.299 + g * 0.587 + b * 0.114 > 130 ? '#000' : '#fff' }, index ?? '?'));
}

/** @param {any[]} sensors @param {any} scale */
function compared(sensors, scale) {
  const short = shortName(scale.name);
  const rows = sensors.map((sensor) => [link(`#sensor=${sensor.sensor_id}`, sensor.sensor_id), sensor.record.AQI === null ? '–' : `${sensor.record.AQI}, ${sensor.record.AQI_range}`,
    sensor.record['P2.5']?.value ?? '–', sensor.record.P10?.value ?? '–', sensor.record.age_seconds === null ? '–' : ageWords(sensor.record.age_seconds * 1000), leftOut(sensor) || 'nothing']);
  return { head: [el('h2', {}, `${counted(sensors.length, 'sensor')} compared`),
    el('div', { class: 'wide' }, table('24-hour means in µg/m³, not now', ['Sensor', short, 'PM2.5', 'PM10', 'Age', 'Against it'], rows))], foot: [] };
}

/** @param {any[]} sensors @param {any} scale @param {any} limit @param {string} query @param {number} width @param {AbortSignal} signal */
async function weekOf(sensors, scale, limit, query, width, signal) {
  const until = lastOf(sensors), from = until - WEEK_DAYS * DAY;
  const times = `since=${minute(from)}&until=${minute(until + 60_000)}${query.replace('?', '&')}`;
  const records = await Promise.all(sensors.map(({ sensor_id: id }) => pages(`sensors/${id}/history?${times}`, signal)));
  const several = sensors.length > 1;
  const seriesOf = (/** @type {string} */ pollutant) => sensors.map(({ sensor_id: id }, place) => ({ name: `Sensor ${id}`, points: records[place]
    .filter((record) => record[pollutant] && !Number.isNaN(timeOf(record.timestamp))).map((record) => ({ at: timeOf(record.timestamp), value: record[pollutant].value })) }));
  const series = ['P2.5', 'P10'].map((pollutant) => ({ pollutant, series: seriesOf(pollutant) }));
  const most = Math.max(...records.map((each) => each.length));
  return [
    el('p', { class: 'small' }, most < 2 ? 'One measurement is here yet: a line needs more of them. ' : '', several ? 'Up to the newest of them. ' : '',
      `Dashed: ${limit.name}, ${limit.source.replace(/^WHO, /, '')}. It is for means of 24 hours, as these are.`),
    several ? legend(series[0].series) : null,
    ...series.flatMap((each) => [el('h4', {}, each.pollutant === 'P2.5' ? 'PM2.5, µg/m³' : 'PM10, µg/m³'), linePlot({ ...each, from, until, scale, guideline: limit, palette: paletteNow(), width })]),
    historyTable(series[0].series, records),
    el('p', { class: 'links' }, ...sensors.map(({ sensor_id: id }) => link(`/api/v1/sensors/${id}/history.csv?${times}`, several ? `CSV of ${id}` : 'CSV of these days'))),
  ].filter((each) => each !== null);
}

/** @param {any[]} sensors @param {any} scale @param {string} query @param {number} width @param {AbortSignal} signal */
async function yearOf(sensors, scale, query, width, signal) {
  const until = Math.floor(lastOf(sensors) / DAY) + 1;
  const times = `since=${day(until - YEAR_DAYS)}&until=${day(until)}${query.replace('?', '&')}`;
  const all = await Promise.all(sensors.map(({ sensor_id: id }) => ask(`sensors/${id}/days?${times}`, signal)));
  return sensors.flatMap(({ sensor_id: id, record }, place) => {
    const { days } = all[place], words = daysLine(days, record, scale);
    return [sensors.length > 1 ? el('h4', {}, `Sensor ${id}`) : null, el('p', {}, words),
      dayStrip({ days, until, scale, palette: paletteNow(), width, label: `A year of days, coloured by index. ${words}` }),
      dayTable(days), el('p', { class: 'links' }, link(`/api/v1/sensors/${id}/days.csv?${times}`, 'CSV of the year'))].filter((each) => each !== null);
  });
}

/** The time of the newest of these measurements. @param {any[]} sensors */
function lastOf(sensors) {
  return Math.max(...sensors.map(({ record }) => timeOf(record.timestamp) || 0));
}

/** @param {number} ms */
const minute = (ms) => new Date(ms).toISOString().slice(0, 16);
/** @param {number} number of days since 1970 */
const day = (number) => new Date(number * DAY).toISOString().slice(0, 10);

/** All records of a history, page after page. @param {string} path @param {AbortSignal} signal @returns {Promise<any[]>} */
async function pages(path, signal) {
  const found = [];
  for (let next = path, left = MOST_PAGES; next && left; left -= 1) {
    const reply = await asked(next, signal);
    found.push(...(await reply.json()).records.map((/** @type {any} */ each) => each.record));
    next = /<\/api\/v1\/([^>]+)>; rel="next"/.exec(reply.headers.get('Link') ?? '')?.[1] ?? '';
  }
  return found;
}

/** @param {any} answer */
export function credit({ attribution, licence }) {
  return el('p', { class: 'small' }, linked(`Data: ${attribution}; ${licence}.`));
}
