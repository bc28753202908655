import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from 'node:crypto'

/** What a server keeps of a password (RFC 5803), so that the password itself never has to go there. */
export function scramVerifier(password: string, salt: Buffer = randomBytes(16)): string {
  return verifier(password, salt, 4096)
}

/** Whether this is what a server keeps of this password. */
export function isVerifierOf(kept: string, password: string): boolean {
  const [, iterations, salt] = /^SCRAM-SHA-256\$(\d+):([A-Za-z0-9+/=]+)\$/.exec(kept) ?? []
  if (iterations === undefined || salt === undefined) return false
  const made = Buffer.from(verifier(password, Buffer.from(salt, 'base64'), Number(iterations)))
  const found = Buffer.from(kept)
  return made.length === found.length && timingSafeEqual(made, found)
}

function verifier(password: string, salt: Buffer, iterations: number): string {
  const salted = pbkdf2Sync(prepared(password), salt, iterations, 32, 'sha256')
  const mac = (text: string): Buffer => createHmac('sha256', salted).update(text).digest()
  const stored = createHash('sha256').update(mac('Client Key')).digest('base64')
  const server = mac('Server Key').toString('base64')
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${stored}:${server}`
}

const spaces = /[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/g
const nothing = /\u00ad|\u034f|\u1806|[\u180b-\u180d]|\u200c|\u200d|\u2060|[\ufe00-\ufe0f]|\ufeff/gu
const prohibited =
  /\p{Cc}|\p{Co}|\p{Cs}|\u0340|\u0341|\u06dd|\u070f|\u180e|\u200e|\u200f|[\u2028-\u202e]|[\u2060-\u2063]|[\u206a-\u206f]|[\u2ff0-\u2ffb]|[\ufff9-\uffff]/u

/** As clients prepare a password before they use it (SASLprep, RFC 4013); what it prohibits stays as it is. */
function prepared(password: string): string {
  if (/^[\x20-\x7e]*$/.test(password)) return password
  const mapped = password.replace(spaces, ' ').replace(nothing, '').normalize('NFKC')
  return mapped === '' || prohibited.test(mapped) ? password : mapped
}
