/** Milliseconds until a host is asked again how it goes, after so many times: soon at first, then once in a second. */
export const pace = (asked: number): number => Math.min(1000, 250 * 2 ** asked)
