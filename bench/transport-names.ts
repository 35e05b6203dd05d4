/** What `transport-server.js` can serve. */
export const transportNames = [
  'GraphQL, Apollo on Express',
  'GraphQL, Mercurius on Fastify',
  'a microservice over TCP',
  'a WebSocket gateway (ws)',
] as const;

export type TransportName = (typeof transportNames)[number];
