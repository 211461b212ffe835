// When a parcel arrives: pickup times, transit times, and the hour at which a day's parcels leave.
import ms from 'ms'

/** Hours of the day (UTC) from which on a parcel waits for the next day's van. */
export const CUT_OFF = 16

const TRANSIT = { letter: '2 days', parcel: '3 days', express: '12 hours' }

/** When a parcel leaves the warehouse: at the cut-off of its day, or of the next one. */
export function leavesAt (ordered) {
  const leaves = new Date(ordered)
  leaves.setUTCHours(CUT_OFF, 0, 0, 0)
  if (ordered.getUTCHours() > CUT_OFF) {
    leaves.setTime(leaves.getTime() + ms('1 day'))
  }
  return leaves
}

/** When it arrives, by the kind of its transport. */
export function arrivesAt (ordered, kind) {
  const transit = TRANSIT[kind]
  if (transit === undefined) {
    throw new RangeError(`there is no transport called ${kind}`)
  }
  return new Date(leavesAt(ordered).getTime() + ms(transit))
}

/** The same in words: "3d after it was ordered". */
export function told (ordered, kind) {
  return `${ms(arrivesAt(ordered, kind).getTime() - ordered.getTime())} after it was ordered`
}
