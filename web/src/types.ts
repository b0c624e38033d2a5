// What the server answers: under /ui/api as src/edge/edge_ui_api.c and src/node/node_page.c write
// it, and the messages of the Room API in their JSON form.

export interface MethodCalls {
  method: string;
  sum_us: number;
  statuses: [ok: number, refused: number, failed: number];
  buckets: number[]; // one more than bucket_ms: above all
}

export interface Status {
  version: string;
  node: string;
  now_ms: number;
  started_ms: number;
  heard_ms: number; // when control was last heard
  ready: boolean;
  draining: boolean;
  signal_port: number;
  signal_tls: boolean;
  signs_tokens: boolean; // for whoever joins from this page
  memory_bytes: number;
  metrics: Record<string, number>;
  bucket_ms: number[];
  calls: MethodCalls[];
}

export interface RoomRow {
  name: string;
  sid: string;
  created_ms: number;
  last_active_ms: number;
  expires_ms: number | null;
  participants: number;
  publishers: number;
  metadata_bytes: number;
}

export interface RoomsPage {
  rooms: RoomRow[];
  next: number | null;
  total: number;
}

// int64 fields are strings in JSON.
export interface Room {
  sid: string;
  name: string;
  empty_timeout: number;
  departure_timeout: number;
  max_participants: number;
  creation_time_ms: string;
  metadata: string;
  num_participants: number;
  num_publishers: number;
  active_recording: boolean;
  stoa_last_active_ms?: string | null;
  stoa_expires_ms?: string | null;
}

export interface Permission {
  can_subscribe: boolean;
  can_publish: boolean;
  can_publish_data: boolean;
  can_publish_sources: string[];
  hidden: boolean;
  recorder: boolean;
  can_update_metadata: boolean;
  agent: boolean;
  can_subscribe_metrics: boolean;
  can_manage_agent_session?: boolean;
}

export interface Track {
  sid: string;
  type: string;
  name: string;
  muted: boolean;
  width: number;
  height: number;
  source: string;
  mime_type: string;
}

export interface Participant {
  sid: string;
  identity: string;
  name: string;
  state: string;
  tracks: Track[];
  metadata: string;
  joined_at_ms: string;
  permission: Permission | null;
  region: string;
  is_publisher: boolean;
  kind: string;
  attributes: Record<string, string>;
  client_protocol: number;
}

export interface RoomAnswer {
  room: Room | null;
  participants: Participant[];
  next: number | null;
  here: number;
}
