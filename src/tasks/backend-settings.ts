/** What definitions and `enqueue` can say to a backend, under its name. The entry point of a backend adds its own. */
export interface BackendSettings {}
