import assert from 'node:assert/strict'
import { test } from 'node:test'

import { arrivesAt, leavesAt, told } from '../arrival.js'

const at = text => new Date(`2026-03-02T${text}Z`)

test('what is ordered in the morning leaves on the same day', () => {
  assert.equal(leavesAt(at('09:30:00')).toISOString(), '2026-03-02T16:00:00.000Z')
})

test('what is ordered in the evening leaves on the next day', () => {
  assert.equal(leavesAt(at('18:00:00')).toISOString(), '2026-03-03T16:00:00.000Z')
})

test('from the cut-off on it leaves on the next day', () => {
  assert.equal(leavesAt(at('16:00:00')).toISOString(), '2026-03-03T16:00:00.000Z')
  assert.equal(leavesAt(at('16:59:00')).toISOString(), '2026-03-03T16:00:00.000Z')
})

test('transit begins when it leaves', () => {
  assert.equal(arrivesAt(at('10:00:00'), 'express').toISOString(), '2026-03-03T04:00:00.000Z')
  assert.throws(() => arrivesAt(at('10:00:00'), 'pigeon'), RangeError)
})

test('a person is told in round words', () => {
  assert.equal(told(at('16:00:00'), 'parcel'), '4d after it was ordered')
})
