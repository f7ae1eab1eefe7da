import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cellsOf } from '../../../aqi_service/web/page/cells.js';
import { countryOptions } from '../../../aqi_service/web/page/controls.js';
import { counted, fogWords, isClean, median, sift } from '../../../aqi_service/web/page/filters.js';

/** Five sensors: clean, high, stale and indoors, without a place, without a value. */
const columns = {
  sensor_id: ['1', '2', '3', '4', '5'], latitude: [1, 2, 3, null, 5], longitude: [1, 2, 3, 4, 5], country: ['DE', 'DE', 'BG', 'DE', null],
  indoor: [false, null, true, false, null], flags: ['', 'high alone', 'stale', '', 'alone'], band: ['Low', 'High', 'Low', 'Low', null],
};
const EVERYTHING = { show: 'index', band: '', country: '', indoor: 'all', hidden: new Set() };
const bandAt = (at) => columns.band[at];
const shown = (change) => sift(columns, { ...EVERYTHING, ...change }, bandAt).shown;

test('without a choice all show that have a place and a value', () => assert.deepEqual(shown({}), [0, 1, 2]));
test('one band shows', () => assert.deepEqual(shown({ band: 'Low' }), [0, 2]));
test('one country shows', () => assert.deepEqual(shown({ country: 'BG' }), [2]));
test('GB and UK are one country', () => {
  const both = { ...columns, country: ['UK', 'GB', 'DE', 'GB', null] };
  assert.deepEqual(sift(both, { ...EVERYTHING, country: 'GB' }, bandAt).shown, [0, 1]);
  assert.deepEqual(countryOptions(both.country), [['DE', 'Germany'], ['GB', 'United Kingdom']]);
});
test('indoors or outdoors show; what does not say stands outdoors', () => {
  assert.deepEqual(shown({ indoor: 'outdoor' }), [0, 1]);
  assert.deepEqual(shown({ indoor: 'indoor' }), [2]);
});
test('a hidden flag hides, also beside another', () => {
  assert.deepEqual(shown({ hidden: new Set(['alone']) }), [0, 2]);
  assert.deepEqual(shown({ hidden: new Set(['stale', 'high']) }), [0]);
});

test('the count says of how many, and why not all', () => {
  const { shown: found, left } = sift(columns, { ...EVERYTHING, country: 'DE' }, bandAt);
  assert.equal(counted(found.length, left), '2 of 5 sensors, 3 left out: 1 in another country, 1 without a place, 1 without that value');
  assert.equal(counted(30000, new Map()), '30,000 of 30,000 sensors, none left out');
});

test('what is indoors, silent or far off counts in no median; what is alone does', () => {
  assert.deepEqual([0, 1, 2, 4].map((at) => isClean(columns, at)), [true, false, false, true]);
});

test('a median lies between the middle two', () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([10, 1, 2, 3]), 2.5);
});

test('a broken sensor does not paint its cell, and one alone in a cell paints nothing', () => {
  const marks = {
    x: Float64Array.of(1, 1.1, 1.2, 1.3, 200), y: Float64Array.of(1, 1, 1, 1, 200),
    value: Float64Array.of(1, 2, 3, 999, 999), clean: Uint8Array.of(1, 1, 1, 0, 0),
  };
  const [town, lonely] = cellsOf(marks, 1).values();
  assert.deepEqual([town.value, town.counted, town.members], [2, 3, [0, 1, 2, 3]]);
  assert.deepEqual([lonely.value, lonely.counted], [null, 0]);
});

test('the topmost of many does not win: one high value among clean ones changes no cell', () => {
  const many = { x: new Float64Array(9).fill(5), y: new Float64Array(9).fill(5), value: Float64Array.of(1, 1, 1, 1, 1, 1, 1, 1, 10), clean: new Uint8Array(9).fill(1) };
  assert.equal([...cellsOf(many, 1).values()][0].value, 1);
});
test('fog is said where half of the boxes in sight are as damp as it is, and never of a few', () => {
  const damp = { ...columns, humidity: [94, 96, 99.9, 99.9, 97.6, null] };
  assert.match(fogWords(damp, [0, 1, 2, 3, 4, 5]), /^Fog or rain: in half of the 5 boxes in sight that measure it, humidity is 97 % or more\./);
  assert.equal(fogWords(damp, [0, 1, 2, 3]), '');
  assert.equal(fogWords({ ...columns, humidity: [90, 90, 94, 99, 99] }, [0, 1, 2, 3, 4]), '');
  assert.equal(fogWords(columns, [0, 1, 2, 3, 4]), '');
});
