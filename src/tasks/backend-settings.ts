/**
 * What a definition, and a call of `enqueue`, can say to the backends by their names. Empty until
 * the entry point of a backend is imported, which adds what that backend understands.
 */
export interface BackendSettings {}
