import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kilometres, nearest } from '../../../aqi_service/web/page/list.js';
import { sought } from '../../../aqi_service/web/page/search.js';

test('digits are an id, however they are named', () => {
  for (const typed of ['4740', ' 4740 ', '#4740', 'sensor 4740', 'Sensor #4740', 'ID 4740']) assert.deepEqual(sought(typed), { kind: 'id', id: '4740' }, typed);
});
test('two numbers are a point, if there is one', () => {
  for (const typed of ['48.78,9.18', '48.78, 9.18', '48.78 9.18', '48.78;9.18']) assert.deepEqual(sought(typed), { kind: 'point', lat: 48.78, lon: 9.18 }, typed);
  assert.equal(sought('91,9').kind, 'city');
});
test('all else is a city, and nothing is nothing', () => {
  assert.deepEqual(sought('Bad Cannstatt'), { kind: 'city', name: 'Bad Cannstatt' });
  assert.deepEqual(sought('  '), { kind: 'nothing' });
});
test('the list begins in the middle of the map', () => {
  const columns = { latitude: [48, 50, 49], longitude: [9, 9, 9] };
  assert.deepEqual(nearest(columns, [0, 1, 2], { lat: 49.1, lng: 9 }).map((each) => each.at), [2, 1, 0]);
});
test('a degree of latitude is 111 km, and the antimeridian is no wall', () => {
  assert.ok(Math.abs(kilometres(0, 0, 1, 0) - 111.195) < 0.01);
  assert.ok(Math.abs(kilometres(0, 179.5, 0, -179.5) - 111.195) < 0.01);
});
