import assert from 'node:assert/strict';
import { test } from 'node:test';
import { format, parse } from '../../../aqi_service/web/page/address.js';

const FORMS = ['#8/48.78/9.18', '#sensor=4740', '#sensor=4740,5123', '#area=48.78,9.18,3', '#3/-33/-70.5&scale=us-epa&show=P10',
  '#sensor=1&scale=daqi', '#area=0,-180,0.1&show=P2.5', '#8/48.78/9.18&band=Very+High&country=DE&indoor=outdoor&hidden=stale,high&second=on&rejects=on'];

for (const form of FORMS) {
  test(`${form} is written as it was read`, () => assert.equal(format(parse(form)), form));
}

test('a view is read as it was written, to the pixel of its zoom', () => {
  for (let zoom = 1; zoom <= 18; zoom++) {
    const { middle } = parse(format({ middle: { lat: 48.7654321, lon: 9.1234567, zoom } }));
    const pixel = 360 / 256 / 2 ** zoom;
    assert.ok(middle && Math.abs(middle.lat - 48.7654321) < pixel * 4 && Math.abs(middle.lon - 9.1234567) < pixel * 4, `${zoom}`);
  }
});

test('what is no address of the page says nothing, and is named', () => {
  for (const part of ['x', 'sensor', 'sensor=a,-1', 'area=91,0,3', 'area=1,2', 'area=1,2,0', '8/1/1e3', '8//', '%', '8/48.78/9.18/1', 'constructor=1', '__proto__=1', 'middle=1']) {
    assert.deepEqual(parse(`#${part}`), { chosen: {}, wrong: [part] }, part);
  }
  assert.deepEqual(parse('#sensor=%E0%A4%A').wrong.length, 1);
  for (const hash of ['', '#']) assert.deepEqual(parse(hash), { chosen: {}, wrong: [] });
});

test('of what is wrong in part the rest holds', () => {
  assert.deepEqual(parse('#sensor=1,x&colour=red&show=P10'), { sensors: ['1'], chosen: { show: 'P10' }, wrong: ['sensor=1,x', 'colour=red'] });
});

test('a point may have as many digits as maps and satellites write', () => {
  assert.deepEqual(parse('#area=48.77584580000000,-9.182932100000001,3'), { area: { lat: 48.7758458, lon: -9.182932100000001, km: 3 }, chosen: {}, wrong: [] });
});

test('what some messengers write for commas, slashes and blanks is read', () => {
  assert.equal(format(parse('#8%2F48.78%2F9.18&hidden=stale%2Chigh&band=Very%20High')), '#8/48.78/9.18&band=Very+High&hidden=stale,high');
});

test('a country that has two codes in the feed has one in an address', () => {
  assert.equal(format(parse('#country=UK')), '#country=GB');
});

test('at most four sensors are compared, each once', () => {
  const { sensors, wrong } = parse('#sensor=1,1,2,3,4,5');
  assert.deepEqual([sensors, wrong], [['1', '2', '3', '4'], ['sensor=1,1,2,3,4,5']]);
  assert.deepEqual(parse('#sensor=1,1').wrong, []);
});
