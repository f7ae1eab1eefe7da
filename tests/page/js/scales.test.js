import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bandOf, colour, ink, range } from '../../../aqi_service/web/page/scales.js';

const ROUNDED = [{ from: 0, to: 11, begins: 0, index_from: 1 }, { from: 12, to: null, begins: 11.5, index_from: 2 }];
const BARE = [{ from: 0, to: 11, begins: 0, index_from: 1 }, { from: 11, to: null, begins: 11, index_from: 2 }];
const SCALE = { colours: [{ index_from: 1, official: '#9cff9c', second: '#d4ebff' }, { index_from: 4, official: '#ffff00', second: '#ffe873' }], pollutants: { P10: { rows: ROUNDED }, 'P2.5': { rows: BARE } } };

test('a value falls into the row that begins at it, or before it', () => {
  assert.deepEqual([0, 11.49, 11.5, 900].map((value) => bandOf(SCALE, 'P10', value).index_from), [1, 1, 2, 2]);
});
test('where nothing is rounded a row begins just above the end of the one before', () => {
  assert.deepEqual([0, 11, 11.000001].map((value) => bandOf(SCALE, 'P2.5', value).index_from), [1, 1, 2]);
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
