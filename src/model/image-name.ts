/** What to write where a name is none. */
export const imageSuggestion =
  "a full name such as 'docker.io/library/nginx:1.27' or 'quay.io/a/b@sha256:...'"

/** With its registry and its tag or digest: short names are looked up differently from host to host. */
export function isImageName(name: unknown): boolean {
  return (
    typeof name === 'string' &&
    name.length < 300 &&
    /^(localhost|[a-z0-9-]+(\.[a-z0-9-]+)+|[a-z0-9.-]+:\d+)(:\d+)?(\/[a-z0-9]+([._-]+[a-z0-9]+)*)+(:[\w][\w.-]{0,127}|@sha256:[0-9a-f]{64})$/.test(
      name,
    )
  )
}
