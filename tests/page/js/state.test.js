import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ageWords, banners, timeOf } from '../../../aqi_service/web/page/state.js';

const HOUR = 3600_000;
const NEWEST = '2026-11-29T12:00:00';
const said = (change) => banners({ newest: NEWEST, now: timeOf(NEWEST), count: 5, error: '', status: 200, warnings: {}, hasData: true, missing: new Map(), wrong: [], ...change }).map((each) => each.text);

test('fresh data need no banner', () => assert.deepEqual(said({}), []));
test('past three hours a banner says how old they are', () => {
  assert.deepEqual(said({ now: timeOf(NEWEST) + 3 * HOUR }), []);
  assert.deepEqual(said({ now: timeOf(NEWEST) + 3 * HOUR + 1 }), ['Old data: the newest measurement here was made 3 hours ago.']);
});
test('a halved, an empty and a 5-minute file are each named', () => {
  assert.match(said({ warnings: { halved_feed: 1 } }).join(), /half/);
  assert.match(said({ warnings: { empty_feed: 1 } }).join(), /empty/);
  assert.match(said({ warnings: { not_24h_mean: 1 } }).join(), /no 24-hour means/);
  assert.deepEqual(said({ warnings: { pm25_over_pm10: 1 } }), []);
});
test('a file says nothing of what shows where nothing shows', () => {
  const early = { hasData: false, newest: null, count: 0, error: 'no snapshot yet', status: 503 };
  const files = [{ halved_feed: 1 }, { empty_feed: 1 }, { not_24h_mean: 1 }].map((warnings) => said({ ...early, warnings }).slice(1));
  assert.deepEqual(files, [['The newest file of the network had under half of the usual records.'], ['The newest file of the network was empty.'], []]);
});
test('before the first snapshot it says that there are none yet', () => {
  assert.match(said({ hasData: false, newest: null, count: 0, error: 'no snapshot is in memory yet', status: 503 }).join(), /Nothing can be shown yet: no snapshot/);
});
test('what is there stays, and is named as old, when the service cannot be reached', () => {
  assert.match(said({ error: 'Failed to fetch', status: 0 })[0], /cannot be reached: what shows here is what it last said/);
  assert.match(said({ error: 'x', status: 0, hasData: false })[0], /tries again/);
});
test('what could not be had is named with the reason, unless the whole service is away', () => {
  const missing = new Map([['names of cities', 'the service says: no']]);
  assert.deepEqual(said({ missing, warnings: null }), ['Not here now: names of cities (the service says: no). This page asks again by itself.']);
  assert.equal(said({ missing, error: 'Failed to fetch', status: 0 }).length, 1);
});
test('what of an address says nothing is named', () => {
  assert.deepEqual(said({ wrong: ['scale=xyz', 'x'] }), ['Nothing here is meant by "scale=xyz", "x" in the address; what shows is without that.']);
});
test('a file without sensors is named', () => assert.deepEqual(said({ count: 0 }), ['The latest file has no sensors.']));

test('timestamps are UTC, whichever form they have', () => {
  for (const form of ['2017-08-10T11:23:00', '2017-08-10 11:23:00', '2017-08-10T11:23:00Z', '2017-08-10T13:23:00+02:00']) {
    assert.equal(timeOf(form), Date.UTC(2017, 7, 10, 11, 23), form);
  }
});
test('ages are in words', () => {
  assert.deepEqual([0, 30 * 60_000, 5 * HOUR, 72 * HOUR, 9 * 365 * 24 * HOUR].map(ageWords), ['a minute ago', '30 minutes ago', '5 hours ago', '3 days ago', '9 years ago']);
});
