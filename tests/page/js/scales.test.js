import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bandOf, colour, ink, prepared, range } from '../../../aqi_service/web/page/scales.js';

const ROUNDED = [{ from: 0, to: 11, begins: 0, index_from: 1 }, { from: 12, to: null, begins: 11.5, index_from: 2 }];
const BARE = [{ from: 0, to: 11, begins: 0, index_from: 1 }, { from: 11, to: null, begins: 11, index_from: 2 }];
const SCALE = { colours: [{ index_from: 1, official: '#9cff9c', second: '#d4ebff' }, { index_from: 4, official: '#ffff00', second: '#ffe873' }], pollutants: { P10: { rows: ROUNDED }, 'P2.5': { rows: BARE } } };

test('a value falls into the row that begins at it, or before it', () => {
  assert.deepEqual([0, 11.49, 11.5, 900].map((value) => bandOf(SCALE, 'P10', value).index_from), [1, 1, 2, 2]);
});
test('where nothing is rounded a row begins just above the end of the one before', () => {
  assert.deepEqual([0, 11, 11.000001].map((value) => bandOf(SCALE, 'P2.5', value).index_from), [1, 1, 2]);
});
const table = (...rows) => ({ rows: rows.map(([from, to, begins]) => ({ from, to, begins })) });
const PREPARED = { pollutants: {
  half: table([0, 11, 0], [12, null, 11.5]), tenth: table([0, 9, 0], [9.1, 35.4, 9.1], [35.5, null, 35.5]),
  whole: table([0, 54, 0], [55, 154, 55], [155, null, 155]), bare: table([0, 16, 0], [16, null, 16]),
} };
test('a number is prepared as the scale does it: half up, cut to tenths, cut to whole, or as it is', () => {
  const all = (name, ...values) => values.map((value) => prepared(PREPARED, name, value));
  assert.deepEqual(all('half', 11.49, 11.5, 0.4, 58.5), [11, 12, 0, 59]);
  assert.deepEqual(all('whole', 154.6, 154, 155), [154, 154, 155]);
  assert.deepEqual(all('tenth', 35.46, 9.09, 0.3, 4.35), [35.4, 9, 0.3, 4.3]);
  assert.deepEqual(all('bare', 16.04), [16.04]);
});
test('a tenth is cut to itself, each of them', () => {
  for (let tenths = 0; tenths < 10_000; tenths++) assert.equal(prepared(PREPARED, 'tenth', tenths / 10), tenths / 10);
});
test('what a dot says lies in the band whose colour it has', () => {
  for (let tenths = 0; tenths < 5_000; tenths++) {
    for (const name of ['half', 'tenth', 'whole']) assert.equal(bandOf(PREPARED, name, prepared(PREPARED, name, tenths / 10)), bandOf(PREPARED, name, tenths / 10), `${name} ${tenths}`);
  }
});
test('an index has the colour of the last that begins at it or before; past the end the last one', () => {
  assert.deepEqual([1, 3, 4, 99].map((index) => colour(SCALE, index)), ['#9cff9c', '#9cff9c', '#ffff00', '#ffff00']);
  assert.equal(colour(SCALE, 4, 'second'), '#ffe873');
  assert.equal(colour(SCALE, 0), '#9cff9c');
});
test('on every colour the text is black or white, whichever is read better', () => {
  assert.deepEqual(['#ffff00', '#ff0000', '#990000', '#2b0a3d', '#ce30ff', '#bf6420'].map(ink), ['#000', '#000', '#fff', '#fff', '#000', '#000']);
});
test('a range is said with both ends, one, or none', () => assert.deepEqual([range(1, 3), range(10, null), range(2, 2)], ['1–3', '10 and more', '2']));
