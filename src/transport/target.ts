/** Where and how the system's OpenSSH client reaches a host. */
export interface Target {
  readonly name: string
  /** A host name, an address, or an alias of the user's ssh config. */
  readonly address: string
  readonly login?: string | undefined
  readonly port?: number | undefined
  /** Further words for the ssh command line, such as `-i` and a key. */
  readonly options?: readonly string[] | undefined
}
