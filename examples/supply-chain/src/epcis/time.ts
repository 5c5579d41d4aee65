/**
 * Points in time (RFC 3339), as numbers.
 *
 * A service knows no clock and no calendar object, and needs neither: a date is days since 1970 by the arithmetic of
 * the proleptic Gregorian calendar, counted in years that begin in March so that the leap day comes last.
 */

const dateTime = /^(\d{4})-(\d\d)-(\d\d)[Tt\s](\d\d):(\d\d):(\d\d)(\.\d+)?(?:[Zz]|([+-])(\d\d)(?::?(\d\d))?)$/;
const daysInMonth = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;
const msPerMinute = 60_000;
const msPerDay = 86_400_000;

/**
 * Milliseconds since 1970-01-01T00:00Z of `text`, or `undefined` where it is no RFC 3339 date-time. Digits beyond
 * milliseconds are cut off; a leap second is the second after it.
 */
export function parseTime(text: string): number | undefined {
  const parts = dateTime.exec(text);
  if (parts === null) return undefined;
  const [year, month, day, hour, minute, second] = [1, 2, 3, 4, 5, 6].map((i) => Number(parts[i])) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  if (month < 1 || month > 12 || day < 1 || day > daysOf(year, month)) return undefined;

  const sign = parts[8] === '-' ? -1 : 1;
  const offsetHours = Number(parts[9] ?? 0);
  const offsetMinutes = Number(parts[10] ?? 0);
  if (offsetHours > 23 || offsetMinutes > 59) return undefined;
  const fraction = parts[7] ?? '';
  // The number that the text is nearest to decides, as in the schema's validators: a long row of nines is a 60.
  const seconds = Number(`${second}${fraction}`);
  const inClock = hour <= 23 && minute <= 59 && seconds < 60;
  if (!inClock && !isLeapSecond(hour - sign * offsetHours, minute - sign * offsetMinutes, seconds)) return undefined;

  const minutes = (hour - sign * offsetHours) * 60 + minute - sign * offsetMinutes;
  const ms = Number(fraction.slice(1, 4).padEnd(3, '0'));
  return daysSince1970(year, month, day) * msPerDay + minutes * msPerMinute + second * 1000 + ms;
}

/** Whether hour and minute, taken to UTC, are the last of a day: the only ones that may have a 61st second. */
function isLeapSecond(hour: number, minute: number, seconds: number): boolean {
  const borrowed = minute < 0 ? hour - 1 : hour;
  return (borrowed === 23 || borrowed === -1) && (minute === 59 || minute === -1) && seconds < 61;
}

function daysOf(year: number, month: number): number {
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return month === 2 && leap ? 29 : daysInMonth[month - 1]!;
}

/** Days from 1970-01-01 to the date: negative before it. */
function daysSince1970(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  return y * 365 + Math.floor(y / 4) - Math.floor(y / 100) + Math.floor(y / 400) + dayOfYear - 719_468;
}

/** The inverse of {@link parseTime}, in UTC: `2026-11-24T09:30:00.000Z`. For the years 0 to 9999. */
export function formatTime(ms: number, offsetMinutes = 0): string {
  const local = ms + offsetMinutes * msPerMinute;
  const days = Math.floor(local / msPerDay);
  const inDay = local - days * msPerDay;
  // Eras of 400 years have the same number of days.
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1;
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  const clock = [inDay / 3_600_000, (inDay / msPerMinute) % 60, (inDay / 1000) % 60].map((n) => digits(n, 2)).join(':');
  return `${digits(year, 4)}-${digits(month, 2)}-${digits(day, 2)}T${clock}.${digits(inDay % 1000, 3)}${zone(offsetMinutes)}`;
}

function zone(offsetMinutes: number): string {
  if (offsetMinutes === 0) return 'Z';
  const minutes = Math.abs(offsetMinutes);
  return `${offsetMinutes < 0 ? '-' : '+'}${digits(minutes / 60, 2)}:${digits(minutes % 60, 2)}`;
}

function digits(value: number, width: number): string {
  return String(Math.floor(value)).padStart(width, '0');
}
