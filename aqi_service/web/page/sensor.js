// @ts-check
/** A sensor, or up to four beside each other: why this number, how far to trust it, its week and its year. */
import { asking, el, fold, link, linked, svg, table } from './dom.js';
import { ask, asked, Refused, saying } from './feed.js';
import { bandKey, dayStrip, dayTable, historyTable, legend, linePlot } from './plot.js';
import { colour, guideline, ink, paletteNow, scales } from './scales.js';
import { aged, means, timeOf } from './state.js';
import { ageOf, counted, daysLine, doubts, indexWords, NOT, shortName, trust, why } from './words.js';

const HOUR = 3_600_000, DAY = 24 * HOUR, WEEK_DAYS = 7, YEAR_DAYS = 365;
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
  if (!sensors.length) return panel.replaceChildren(...missing);
  const on = all[scale ?? sensors[0].record.scale] ?? all.daqi, width = Math.round(Math.min(900, Math.max(280, panel.clientWidth || 360)));
  const week = () => weekOf(sensors, { scale: on, guideline: limit, palette: paletteNow(), width }, query, signal);
  const year = () => yearOf(sensors, { scale: on, palette: paletteNow(), width }, query, signal);
  const sections = [section('The last 7 days', signal, week), section('The last 365 days', signal, year)];
  const { head, foot } = sensors.length > 1 ? { head: compared(sensors, on), foot: [] } : alone(sensors[0], on, query);
  panel.replaceChildren(...missing, ...head, ...sections.map(([place]) => place), ...foot, el('p', { class: 'not' }, NOT), credit(sensors[0]));
  await Promise.all(sections.map(([, filled]) => filled));
}

/** A sensor, or a sentence why there is none. @param {string} id @param {string} query @param {AbortSignal} signal @returns {Promise<any>} */
async function sensorOf(id, query, signal) {
  try {
    return await ask(`sensors/${id}${query}`, signal);
  } catch (error) {
    if (!(error instanceof Refused) || error.status === 503) throw error;
    return error.status !== 404 ? `Sensor ${id} cannot be shown: ${error.message}` : `There is no sensor ${id} here: it never sent fine dust to this service, ` +
      'or not for as long as records are kept. Numbers of measurements are no numbers of sensors; the search finds both.';
  }
}

/**
 * A section that fills when what it needs has come; what is wrong is said in it.
 * @param {string} title @param {AbortSignal} signal @param {() => Promise<Node[]>} make @returns {[HTMLElement, Promise<void>]}
 */
function section(title, signal, make) {
  const heading = el('h3', {}, title), place = el('section', {}, heading, el('p', { role: 'status' }, 'Asking…'));
  const filled = make().catch((error) => (signal.aborted ? [] : [el('p', { class: 'missing' }, `They cannot be shown now: ${saying(error)}.`)]));
  return [place, filled.then((nodes) => place.replaceChildren(heading, ...nodes))];
}

/** @param {any} sensor @param {any} scale @param {string} query */
function alone(sensor, scale, query) {
  const { record, latitude, longitude, country, sensor_id: id, provenance } = sensor;
  const { sum, rows, rounding } = why(record, scale), at = timeOf(record.timestamp), base = `/api/v1/sensors/${id}`, isPlaced = latitude !== null;
  const head = [
    el('h2', {}, `Sensor ${id}`),
    el('p', { class: 'place' }, [sensor.place && `near ${sensor.place}`, country, sensor.indoor ? 'indoors' : null, isPlaced ? `${latitude}, ${longitude}` : 'without a place'].filter(Boolean).join(' · ')),
    big(record, scale, provenance.snapshot ? means('24-hour mean') : []),
    el('section', {}, el('h3', {}, 'Why this number'), el('p', { class: 'sum' }, sum),
      el('ul', {}, ...rows.map((row) => el('li', {}, row))),
      el('p', { class: 'small' }, `${scale.title}: ${rounding.join(', ')}. `, linked(`${scale.source}, ${scale.date}.`))),
    el('section', {}, el('h3', {}, 'How far to trust it'), pairs(trust(sensor).map(([name, text]) => [name, name === 'Age' ? el('span', {}, aged(record), text.slice(ageOf(record).length)) : text])),
      fold('Where from', () => [pairs([['File', provenance.snapshot ?? 'an earlier file of the network'], ['Of', provenance.snapshot_time ?? 'not known'],
        ['Its sha256', provenance.sha256 ?? 'not known'], ['Loaded by', provenance.version ? `aqi_service ${provenance.version}` : 'not known']])])),
  ];
  const foot = [el('section', {}, el('h3', {}, 'More of it'), pairs([
    ['Measured until', Number.isNaN(at) ? 'not known' : `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC, ${new Date(at).toLocaleString()} where you are`],
    ['Kind of sensor', sensor.sensor_type ?? 'not known'], ['Number of sensor', id], ['Number of measurement', record.id]]),
  el('p', { class: 'links' },
    isPlaced && link(`https://maps.sensor.community/#14/${latitude}/${longitude}`, 'On maps.sensor.community'),
    link(`${base}${query}`, 'JSON'), link(`${base}.csv${query}`, 'CSV'),
    isPlaced && link(`#area=${latitude},${longitude},3${query.replace('?', '&')}`, 'The area around it')))];
  return { head, foot };
}

/** @param {[string, import('./dom.js').Child][]} all names and what is said of each */
const pairs = (all) => el('dl', {}, ...all.flatMap(([name, text]) => [el('dt', {}, name), el('dd', {}, text)]));

/** The index, large, with its band, and that it is no value of now. @param {any} record @param {any} scale @param {Node[]} when @param {string} [of] */
export function big(record, scale, when, of = '') {
  return el('p', { class: 'big' }, chip(record.AQI, scale), record.AQI === null ? ' no index' : ` ${shortName(scale.name)} ${indexWords(record)}`, el('br'),
    ' ', el('small', {}, of, ...when, aged(record)));
}

/** A number on its colour; the words beside it say the same. @param {number|null} index @param {any} scale */
export function chip(index, scale) {
  const fill = index === null ? '#9aa3a9' : colour(scale, index, paletteNow());
  return svg('svg', { class: 'chip', viewBox: '0 0 40 26', 'aria-hidden': 'true' },
    svg('rect', { x: 1, y: 1, width: 38, height: 24, rx: 6, fill }), svg('text', { x: 20, y: 19, fill: ink(fill), textLength: Number(index) > 999 ? 34 : null, lengthAdjust: 'spacingAndGlyphs' }, index ?? '?'));
}

/** @param {any[]} sensors @param {any} scale */
function compared(sensors, scale) {
  /** @type {[string, (sensor: any) => any][]} */
  const rows = [[shortName(scale.name), ({ record }) => el('span', {}, chip(record.AQI, scale), ` ${indexWords(record)}`)], ['PM2.5', ({ record }) => record['P2.5']?.value ?? '–'],
    ['PM10', ({ record }) => record.P10?.value ?? '–'], ['Near', ({ place }) => place ?? '–'], ['Age', ({ record }) => aged(record)], ['Doubts', doubts]];
  return [el('h2', {}, `${counted(sensors.length, 'sensor')} compared`),
    el('div', { class: 'wide', tabindex: 0 }, table(el('span', {}, ...means('24-hour means'), 'in µg/m³'), ['Sensor', ...sensors.map(({ sensor_id: id }) => link(`#sensor=${id}`, id))],
      rows.map(([name, of]) => [name, ...sensors.map(of)])))];
}

/** @param {any[]} sensors @param {any} look @param {string} query @param {AbortSignal} signal */
async function weekOf(sensors, look, query, signal) {
  const until = lastOf(sensors), from = until - WEEK_DAYS * DAY, several = sensors.length > 1, { guideline: limit } = look;
  const times = `since=${minute(from)}&until=${minute(until + 60_000)}${query.replace('?', '&')}`;
  const records = await Promise.all(sensors.map(({ sensor_id: id }) => pages(`sensors/${id}/history?${times}`, signal)));
  const series = ['P2.5', 'P10'].map((pollutant) => ({ pollutant, series: sensors.map(({ sensor_id: id }, place) => ({ name: `Sensor ${id}`, points: records[place]
    .map((record) => ({ at: timeOf(record.timestamp), value: record[pollutant]?.value })).filter(({ at, value }) => value !== undefined && !Number.isNaN(at)) })) }));
  const isShort = records.every((each) => each.every((record) => until - timeOf(record.timestamp) < HOUR));
  return [
    el('p', { class: 'small' }, isShort ? 'What is here is of one hour: a line needs more. ' : '', several ? 'Up to the newest of them. ' : '',
      `Dashed: ${limit.name} (${limit.date}), ${limit.source.replace(/^WHO, /, '')}. It is for means of 24 hours.`),
    bandKey(look), several && legend(series[0].series),
    ...series.flatMap((each) => [el('h4', {}, each.pollutant === 'P2.5' ? 'PM2.5, µg/m³' : 'PM10, µg/m³'), linePlot({ ...each, ...look, from, until })]),
    historyTable(series[0].series, records),
    el('p', { class: 'links' }, ...sensors.map(({ sensor_id: id }) => link(`/api/v1/sensors/${id}/history.csv?${times}`, several ? `CSV of ${id}` : 'CSV of these days'))),
  ].filter(Boolean);
}

/** @param {any[]} sensors @param {any} look @param {string} query @param {AbortSignal} signal */
async function yearOf(sensors, look, query, signal) {
  const until = Math.floor(lastOf(sensors) / DAY) + 1, day = (/** @type {number} */ number) => new Date(number * DAY).toISOString().slice(0, 10);
  const times = `since=${day(until - YEAR_DAYS)}&until=${day(until)}${query.replace('?', '&')}`;
  const all = await Promise.all(sensors.map(({ sensor_id: id }) => ask(`sensors/${id}/days?${times}`, signal)));
  return sensors.flatMap(({ sensor_id: id, record }, place) => {
    const { days } = all[place], words = daysLine(days, record, look.scale);
    return [sensors.length > 1 && el('h4', {}, `Sensor ${id}`), el('p', {}, words),
      dayStrip({ ...look, days, until, label: `A year of days, coloured by index. ${words}` }),
      dayTable(days), el('p', { class: 'links' }, link(`/api/v1/sensors/${id}/days.csv?${times}`, 'CSV of the year'))].filter(Boolean);
  });
}

/** The time of the newest of these measurements. @param {any[]} sensors */
const lastOf = (sensors) => Math.max(...sensors.map(({ record }) => timeOf(record.timestamp) || 0));

/** @param {number} ms */
const minute = (ms) => new Date(ms).toISOString().slice(0, 16);

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
export const credit = ({ attribution, licence }) => el('p', { class: 'small' }, linked(`Data: ${attribution}; ${licence}.`));
