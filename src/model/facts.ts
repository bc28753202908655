/** What is read off a host that is not a resource. It travels in the same round trip as all reads. */
export interface Facts {
  readonly hostname: string
  readonly os: {
    /** `debian`, `ubuntu`, ...: ID of os-release(5). */
    readonly id: string
    /** `12`, `24.04`: VERSION_ID of os-release(5). */
    readonly version: string
    /** `bookworm`, `noble`: VERSION_CODENAME of os-release(5). */
    readonly codename: string
  }
  /** As `uname -m` says it: `x86_64`, `aarch64`. */
  readonly architecture: string
  readonly kernel: string
  readonly cpus: number
  /** Bytes. */
  readonly memory: number
  /** Global addresses of all interfaces, IPv4 first. */
  readonly addresses: readonly string[]
}

/** Thrown when a role asks for facts that no run has read yet: they are read, and it is asked again. */
export class FactsNeeded extends Error {
  override readonly name = 'FactsNeeded'
}
