// @ts-check
/** Plots as SVG of our own, and the same as tables. One rule: nothing is drawn that the table does not say. */
import { el, fold, svg, table } from './dom.js';
import { grouped } from './filters.js';
import { colour, range, swatches } from './scales.js';
import { counted, indexWords, isFull, shortName, shown } from './words.js';

const DAY = 86_400_000;
/** A line is not drawn over a gap longer than this. */
export const GAP_MS = 3 * 3600_000;

/** @typedef {{at: number, value: number}} Point time in epoch ms, µg/m³ */
/** @typedef {{name: string, points: Point[]}} Series */

/** The top of an axis, and its steps: 1, 2 or 5 times a power of ten, 3 to 6 of them. @param {number} most */
export function axis(most) {
  const step = [1, 2, 5, 10].map((each) => each * 10 ** Math.floor(Math.log10(most / 4))).find((each) => most / each <= 6) ?? most;
  return { top: Math.ceil(most / step) * step, step };
}

/** Points in runs without a gap. @param {Point[]} points @returns {Point[][]} */
export function runs(points) {
  /** @type {Point[][]} */
  const found = [];
  points.forEach((point, place) => {
    if (place === 0 || point.at - points[place - 1].at > GAP_MS) found.push([]);
    found[found.length - 1].push(point);
  });
  return found;
}

/** The weeks that show a range of days: each day's number since 1970 -> column and row, Monday first. @param {number} day @param {number} first */
export function cell(day, first) {
  const monday = (/** @type {number} */ each) => each - ((each + 3) % 7);
  return { column: (monday(day) - monday(first)) / 7, row: (day + 3) % 7 };
}

/**
 * Lines of a pollutant with the scale's bands behind them and the guideline across.
 * @param {{pollutant: string, series: Series[], from: number, until: number, scale: any, guideline: any, palette: string, width: number}} of
 */
export function linePlot({ pollutant, series, from, until, scale, guideline, palette, width }) {
  const limit = guideline.limits[pollutant], height = 190, left = 34, right = 4, top = 8, bottom = 34;
  const { top: most, step } = axis(Math.max(limit * 1.3, ...series.flatMap((each) => each.points.map((point) => point.value))));
  const x = (/** @type {number} */ at) => left + ((at - from) / (until - from)) * (width - left - right);
  const y = (/** @type {number} */ value) => top + (1 - Math.min(value, most) / most) * (height - top - bottom);
  const all = series.flatMap((each) => each.points);
  const label = `${shown(pollutant)} of 7 days, µg/m³: ${all.length ? `${Math.min(...all.map((p) => p.value))} to ${Math.max(...all.map((p) => p.value))}` : 'no values'}; the guideline is ${limit}`;
  return svg('svg', { class: 'plot', viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': label },
    ...bands(scale, pollutant, most).map((/** @type {any} */ { row, end }) => svg('rect', {
      x: left, width: width - left - right, y: y(end), height: y(row.begins) - y(end), fill: colour(scale, row.index_from, palette), class: 'band' })),
    ...names(scale, pollutant, most).filter(({ begins, end }) => y(begins) - y(end) > 13).map(({ name, begins, end }) =>
      svg('text', { x: width - right - 4, y: (y(begins) + y(end)) / 2 + 4, class: 'name' }, name)),
    ...Array.from({ length: Math.round(most / step) + 1 }, (_, n) => n * step).map((value) =>
      svg('text', { x: left - 5, y: y(value) + 4, class: 'tick' }, Number(value.toFixed(2)))),
    ...midnights(from, until).flatMap((at) => [
      svg('line', { x1: x(at), x2: x(at), y1: top, y2: height - bottom, class: 'day' }),
      svg('text', { x: x(at), y: height - bottom + 15, class: 'date' }, new Date(at).toISOString().slice(8, 10))]),
    svg('text', { x: width - right, y: height - 4, class: 'tick' }, `${span(from, until)}, UTC`),
    svg('line', { x1: left, x2: width - right, y1: y(limit), y2: y(limit), class: 'guideline' }),
    ...series.flatMap(({ points }, place) => runs(points).flatMap((run) => [
      ['under', 'line'].map((kind) => svg('path', { class: `${kind} of-${place}`, d: run.map(({ at, value }, n) => `${n ? 'L' : 'M'}${x(at).toFixed(1)} ${y(value).toFixed(1)}`).join('') })),
      x(run[run.length - 1].at) - x(run[0].at) < 3 ? svg('circle', { class: `dot of-${place}`, cx: x(run[0].at), cy: y(run[run.length - 1].value), r: 4 }) : null].flat())),
    svg('text', { x: left + 4, y: y(limit) - 4, class: 'guide' }, `WHO guideline ${limit}`));
}

/** A table's rows up to a concentration, each with where it ends. @param {any} scale @param {string} pollutant @param {number} most */
export function bands(scale, pollutant, most) {
  const { rows } = scale.pollutants[pollutant];
  return rows.map((/** @type {any} */ row, /** @type {number} */ place) => ({ row, end: Math.min(most, rows[place + 1]?.begins ?? most) }))
    .filter((/** @type {any} */ { row, end }) => row.begins < end);
}

/** @param {any} scale @param {string} pollutant @param {number} most @returns {{name: string, begins: number, end: number}[]} */
function names(scale, pollutant, most) {
  return [...grouped(bands(scale, pollutant, most), (/** @type {any} */ { row }) => row.band)].map(([name, of]) => ({ name, begins: of[0].row.begins, end: of[of.length - 1].end }));
}

/** @param {number} from @param {number} until */
function midnights(from, until) {
  const first = Math.ceil(from / DAY);
  return Array.from({ length: Math.max(0, Math.floor(until / DAY) - first + 1) }, (_, n) => (first + n) * DAY);
}

/** @param {number} from @param {number} until epoch ms */
export const span = (from, until) => `${new Date(from).toISOString().slice(0, 10)} to ${new Date(until).toISOString().slice(0, 10)}`;

/**
 * A year as weeks side by side, Monday on top, each day in its index's colour; thin days are hollow.
 * @param {{days: any[], until: number, scale: any, palette: string, width: number, label: string}} of `until` in days since 1970
 */
export function dayStrip({ days, until, scale, palette, width, label }) {
  const first = until - 365, left = 30, size = Math.min(14, (width - left) / 53);
  const months = Array.from({ length: 365 }, (_, n) => new Date((first + n) * DAY)).filter((date) => date.getUTCDate() === 1);
  const square = (/** @type {number} */ day) => {
    const { column, row } = cell(day, first);
    return { x: left + column * size + 0.5, y: 15 + row * size, width: size - 1, height: size - 1 };
  };
  return svg('svg', { class: 'strip', viewBox: `0 0 ${width} ${size * 7 + 18}`, role: 'img', 'aria-label': label },
    ...['Mon', 'Sun'].map((name, end) => svg('text', { x: left - 4, y: 14 + size * (end * 6 + 0.9), class: 'tick' }, name)),
    ...months.filter((date) => cell(date.getTime() / DAY, first).column < 51).map((date) => svg('text', { x: left + cell(date.getTime() / DAY, first).column * size, y: 10, class: 'month' },
      date.toLocaleString('en', { month: width < 420 ? 'narrow' : 'short', timeZone: 'UTC' }))),
    ...Array.from({ length: 365 }, (_, n) => svg('rect', { ...square(first + n), class: 'none' })),
    ...days.filter((day) => day.hours > 0).map((day) => {
      const full = isFull(day);
      return svg('rect', { ...square(Date.parse(`${day.date}T00:00Z`) / DAY), class: full ? 'full' : 'thin', fill: full ? colour(scale, day.AQI, palette) : 'none' },
      svg('title', {}, `${day.date}: ${full ? `${shortName(scale.name)} ${indexWords(day)}` : `too thin to count, ${counted(day.hours, 'hour')}`}`));
    }));
}

/** @param {Series[]} series @param {any[][]} records of each */
export function historyTable(series, records) {
  return fold('These days as a table', () => series.map(({ name }, place) => table(`${name} at these times (UTC), µg/m³`,
    ['Time', 'PM2.5', 'PM10', 'Index'], records[place].map((record) => [String(record.timestamp).replace('T', ' '), record['P2.5']?.value ?? '–', record.P10?.value ?? '–',
      indexWords(record)]))));
}

/** @param {any[]} days */
export function dayTable(days) {
  return fold('The year as a table', () => [table('Days (UTC); too thin: under 18 hours, or none at the day\'s end', ['Day', 'Hours', 'PM2.5', 'PM10', 'Index'],
    days.filter((day) => day.hours > 0).map((day) => [day.date, day.hours, day['P2.5']?.value ?? '–', day.P10?.value ?? '–', isFull(day) ? indexWords(day) : 'too thin']))]);
}

/** Which line is whose. @param {Series[]} series */
export const legend = (series) => el('ul', { class: 'lines' }, ...series.map(({ name }, place) => el('li', {},
  svg('svg', { width: 34, height: 12, 'aria-hidden': 'true' }, svg('path', { class: `line of-${place}`, d: 'M1 6H33' })), ` ${name}`)));

/** Which colour is which index. @param {{scale: any, palette: string}} look */
export const bandKey = ({ scale, palette }) => el('ul', { class: 'lines' }, el('li', {}, `${shortName(scale.name)}:`), ...scale.bands.map((/** @type {any} */ band) => el('li', {},
  swatches(scale, band, palette), ` ${range(band.index_from, band.index_to)} ${band.name}`)));
