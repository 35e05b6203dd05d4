/**
 * What a definition, and a call of `enqueue`, can say to the backend. Empty until the entry point of a
 * backend is imported, which adds a member of its own, such as `bullmq`.
 */
export interface BackendSettings {}
