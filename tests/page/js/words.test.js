import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aMinute, counter, dayCounts, daysLine, doubts, leftOut, reasonWords, rowWords, trust, why } from '../../../aqi_service/web/page/words.js';

const rows = (...ends) => ends.map(([to, index, band], at) => ({ from: at ? ends[at - 1][0] + 1 : 0, to, begins: at ? ends[at - 1][0] + 0.5 : 0, index_from: index, index_to: index, band }));
const DAQI = {
  name: 'daqi', title: 'DAQI', decides: 'highest', advice_from: 4,
  pollutants: {
    'P2.5': { rounding: 'rounded', rows: rows([11, 1, 'Low'], [23, 2, 'Low'], [35, 3, 'Low'], [null, 4, 'Medium']) },
    P10: { rounding: 'rounded', rows: rows([16, 1, 'Low'], [33, 2, 'Low'], [50, 3, 'Low'], [null, 4, 'Medium']) },
  },
};
const RECORD = { 'P2.5': { value: 24.3, rounded: 24, index: 3 }, P10: { value: 33.2, rounded: 33, index: 2 }, AQI: 3, AQI_range: 'Low', age_seconds: 300, timestamp: '2026-11-29T12:00:00', expires_at: null };
const CHECKS = { flags: [], neighbours: 14, median: 11.96, humidity: null, hours_seen: null };
const sensor = (checks, more = {}) => ({ indoor: false, record: RECORD, checks: checks && { ...CHECKS, ...checks }, ...more });
const said = (name, of) => Object.fromEntries(trust(of))[name];

test('why a number: each value, what the scale makes of it, and which counts', () => {
  const { sum, rows: fell } = why(RECORD, DAQI);
  assert.equal(sum, 'PM2.5 24.3 → 24 → DAQI 3; PM10 33.2 → 33 → 2; the higher counts');
  assert.deepEqual(fell, ['PM2.5 24 to 35 µg/m³ is 3, Low', 'PM10 17 to 33 µg/m³ is 2, Low']);
});
test('of equal indices, one value, or none it says so', () => {
  assert.match(why({ ...RECORD, P10: { ...RECORD.P10, index: 3 } }, DAQI).sum, /; both say the same$/);
  assert.equal(why({ ...RECORD, P10: null }, DAQI).sum, 'PM2.5 24.3 → 24 → DAQI 3; only PM2.5 was reported');
  assert.equal(why({ ...RECORD, 'P2.5': null, P10: { value: 5, rounded: 5, index: null } }, DAQI).sum, 'no value that this scale counts');
  assert.match(why(RECORD, { ...DAQI, decides: 'lowest' }).sum, /; the lower counts$/);
  const asZero = { ...DAQI, pollutants: { ...DAQI.pollutants, 'P2.5': { ...DAQI.pollutants['P2.5'], missing: 0 } } };
  assert.match(why({ ...RECORD, 'P2.5': null }, asZero).sum, /; only PM10 was reported, and PM2.5 counts as 0$/);
});
test('the last row of a table has no end', () => assert.equal(rowWords(DAQI.pollutants.P10.rows[3], 'PM10'), 'PM10 51 and more µg/m³ is 4, Medium'));

test('neighbours are put into words by what the checks found', () => {
  assert.equal(said('Neighbours', sensor({})), 'half of its 14 neighbours within 10 km are at 11.96 µg/m³ or less; this one says 24.3: not far enough off to be doubted');
  assert.match(said('Neighbours', sensor({ flags: ['high'] })), /far above them/);
  assert.match(said('Neighbours', sensor({ flags: ['low'] })), /far below them/);
  assert.match(said('Neighbours', sensor({ flags: ['alone'], neighbours: 3, median: null })), /^only 3 sensors .*; 5 are needed$/);
  assert.match(said('Neighbours', sensor({ neighbours: null, median: null })), /no value or no place/);
  assert.match(said('Neighbours', sensor(null)), /did not see/);
  assert.match(said('Neighbours', sensor({}, { indoor: true })), /indoors/);
});
test('humidity and hours are said with what they mean, and as not known where they are not', () => {
  assert.equal(said('Humidity in its box', sensor({ humidity: 94 })), '94 %: optical sensors read high in fog');
  assert.match(said('Humidity in its box', sensor({ humidity: 79.9 })), /^79.9 %, too dry/);
  assert.match(said('Humidity in its box', sensor({})), /^not known/);
  assert.equal(said('Hours seen of the last 24', sensor({ hours_seen: 21 })), '21; an official day needs 18');
  assert.equal(said('Hours seen of the last 24', sensor({ hours_seen: 18 })), '18; an official day needs 18');
  assert.match(said('Hours seen of the last 24', sensor({ hours_seen: 17 })), /less than a day$/);
  assert.match(said('Hours seen of the last 24', sensor(null)), /^not known/);
});
test('an age is in words, and a silent sensor is named', () => {
  assert.equal(said('Age', sensor({})), '5 minutes ago');
  assert.match(said('Age', sensor({ flags: ['stale'] })), /silent for over 3 hours/);
  assert.equal(said('Age', sensor({}, { record: { ...RECORD, age_seconds: null } })), 'of unknown age');
});
test('why a sensor does not count in an area: the first reason, as the service has it', () => {
  assert.equal(leftOut(sensor({})), '');
  assert.equal(leftOut(sensor({ flags: ['alone'] })), '');
  assert.equal(leftOut(sensor({ flags: ['stale', 'high'] })), 'silent for over 3 hours');
  assert.equal(leftOut(sensor({ flags: ['high'] }, { indoor: true })), 'indoors');
  assert.equal(leftOut(sensor({}, { record: { ...RECORD, 'P2.5': null, P10: null } })), 'without a value');
});
test('what was not compared is not free of doubt', () => {
  assert.equal(doubts(sensor({})), 'none');
  assert.match(doubts(sensor({ flags: ['alone'] })), /not compared/);
  assert.match(doubts(sensor(null)), /not compared/);
  assert.equal(doubts(sensor({ flags: ['low'] })), 'far below its neighbours');
});

const day = (hours, AQI) => ({ hours, AQI, AQI_range: '' });
test('a day counts with 18 hours or more and a record that stands for it', () => {
  const days = [day(24, 4), day(18, 3), day(17, 9), day(20, null), day(0, null)];
  assert.deepEqual(dayCounts(days, 4), { above: 1, counted: 2, thin: 2 });
  assert.equal(daysLine(days, RECORD, DAQI), 'Days at 4 or more: 1 of 2 with 18 hours or more; 2 too thin to count (hollow); records are not deleted here.');
  assert.equal(daysLine([day(1, null)], { ...RECORD, expires_at: '2026-12-13T12:00:00Z' }, DAQI),
    'No day here has 18 hours or more yet; 1 too thin to count (hollow); records are kept 14 days here.');
});

const METRICS = '# HELP aqi_lookups_total x\naqi_lookups_total{source="memory"} 30.0\naqi_lookups_total{source="table"} 12.0\naqi_lookups_totally 9\naqi_plain_total 7.0\n';
test('a counter is summed over its labels, or of one of them', () => {
  assert.equal(counter(METRICS, 'aqi_lookups_total'), 42);
  assert.equal(counter(METRICS, 'aqi_lookups_total', 'source="memory"'), 30);
  assert.equal(counter(METRICS, 'aqi_plain_total'), 7);
  assert.equal(counter(METRICS, 'aqi_none_total'), 0);
});
test('lookups a minute are the growth between two looks, none where a counter began anew or no time passed', () => {
  assert.equal(aMinute({ at: 0, count: 10 }, { at: 120_000, count: 15 }), 2.5);
  assert.equal(aMinute({ at: 0, count: 10 }, { at: 120_000, count: 9 }), null);
  assert.equal(aMinute({ at: 0, count: 10 }, { at: 100, count: 11 }), null);
});
test('a reason that is not known is shown as it is, whatever it is called', () => {
  assert.equal(reasonWords('bad_id'), 'its number is no number');
  for (const name of ['new_one', 'constructor', '__proto__']) assert.equal(reasonWords(name), name);
});
