/**
 * What a definition, and a call of `enqueue`, can say to the backend. Empty until
 * `nestjs-background-tasks/bullmq` is imported, which adds `bullmq`, the only member there is.
 */
export interface BackendSettings {}
