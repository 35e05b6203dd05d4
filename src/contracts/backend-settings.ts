/**
 * Settings for the backend, in a definition and in a call of `enqueue`. Empty until the entry point of a
 * backend is imported, which adds a member of its own, such as `bullmq`.
 */
export interface BackendSettings {}
