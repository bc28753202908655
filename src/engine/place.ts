/** Where Fettle keeps its own on a host. */
export const folder = '/var/lib/fettle'

/** A run that has given no sign of life for so long has ended, whatever became of it. Seconds. */
export const leaseTerm = 60
