import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kilometres, line, nearest } from '../../../aqi_service/web/page/list.js';
import { sought } from '../../../aqi_service/web/page/search.js';

test('digits are an id, however they are named', () => {
  for (const typed of ['4740', ' 4740 ', '#4740', 'sensor 4740', 'Sensor #4740', 'ID 4740']) assert.deepEqual(sought(typed), { kind: 'id', id: '4740' }, typed);
});
test('two numbers are a point, if there is one', () => {
  for (const typed of ['48.78,9.18', '48.78, 9.18', '48.78 9.18', '48.78;9.18']) assert.deepEqual(sought(typed), { kind: 'point', lat: 48.78, lon: 9.18 }, typed);
  for (const typed of ['91,9', '48,78 9,18', '48.78° N, 9.18° E', '9.18, 48.78, 3']) assert.equal(sought(typed).kind, 'odd', typed);
});
test('all else is a city, and nothing is nothing', () => {
  assert.deepEqual(sought('Bad Cannstatt'), { kind: 'city', name: 'Bad Cannstatt' });
  assert.deepEqual(sought('  '), { kind: 'nothing' });
});
test('a line of the list says in words what speaks against a sensor', () => {
  const columns = { 'P2.5': [12, 1], P10: [null, 2], AQI: [2, 1], AQI_range: ['Low', 'Low'], indoor: [false, true], flags: ['high alone', ''] };
  assert.equal(line(columns, 0, 'DAQI'), 'DAQI 2, Low; PM2.5 12 µg/m³; far above its neighbours; without neighbours to compare');
  assert.equal(line(columns, 1, 'DAQI'), 'DAQI 1, Low; PM2.5 1 µg/m³; PM10 2 µg/m³; indoors');
});
test('the list begins in the middle of the map', () => {
  const columns = { latitude: [48, 50, 49], longitude: [9, 9, 9] };
  assert.deepEqual(nearest(columns, [0, 1, 2], { lat: 49.1, lng: 9 }).map((each) => each.at), [2, 1, 0]);
});
test('a degree of latitude is 111 km, and the antimeridian is no wall', () => {
  assert.ok(Math.abs(kilometres(0, 0, 1, 0) - 111.195) < 0.01);
  assert.ok(Math.abs(kilometres(0, 179.5, 0, -179.5) - 111.195) < 0.01);
});
