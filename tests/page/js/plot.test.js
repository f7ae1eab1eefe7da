import assert from 'node:assert/strict';
import { test } from 'node:test';
import { axis, bands, cell, GAP_MS, runs, span } from '../../../aqi_service/web/page/plot.js';

test('an axis ends above its largest value and has three to six steps of 1, 2 or 5', () => {
  for (const most of [0.3, 1, 7.4, 19.5, 20, 58.5, 99, 100.1, 430, 1998]) {
    const { top, step } = axis(most);
    assert.ok(top >= most && top - most < step, String(most));
    assert.ok(Math.round(top / step) >= 3 && Math.round(top / step) <= 6, `${most}: ${top} by ${step}`);
    assert.match(String(Number(step.toPrecision(6))), /^(0\.0*)?[125]0*$/);
  }
});
test('a line is not drawn over a gap', () => {
  const points = [0, 1, GAP_MS + 1, GAP_MS * 2 + 2].map((at) => ({ at, value: 1 }));
  assert.deepEqual(runs(points).map((run) => run.map(({ at }) => at)), [[0, 1, GAP_MS + 1], [GAP_MS * 2 + 2]]);
  assert.deepEqual(runs([]), []);
});
test('days stand in weeks that begin on Monday', () => {
  const day = (text) => Date.parse(text) / 86_400_000, first = day('2026-11-25'); // a Wednesday
  assert.deepEqual(cell(first, first), { column: 0, row: 2 });
  assert.deepEqual(cell(day('2026-11-29'), first), { column: 0, row: 6 });
  assert.deepEqual(cell(day('2026-11-30'), first), { column: 1, row: 0 });
  assert.ok(cell(first + 364, first).column <= 52);
});
test('bands end where the next begins, and at the plot\'s top', () => {
  const rows = [{ begins: 0, band: 'Low' }, { begins: 11.5, band: 'Low' }, { begins: 23.5, band: 'High' }];
  const ends = (most) => bands({ pollutants: { P10: { rows } } }, 'P10', most).map(({ row, end }) => [row.begins, end]);
  assert.deepEqual(ends(20), [[0, 11.5], [11.5, 20]]);
  assert.deepEqual(ends(50), [[0, 11.5], [11.5, 23.5], [23.5, 50]]);
});
test('a span of time is said by its days', () => assert.equal(span(0, 7 * 86_400_000), '1970-01-01 to 1970-01-08'));
