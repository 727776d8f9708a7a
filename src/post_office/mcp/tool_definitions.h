// What tools/list says of each tool. Schemas are JSON Schema 2020-12, the protocol's default.
#pragma once

#include <string_view>

namespace gw::mcp::definitions {

inline constexpr std::string_view kInstructions =
    "This gateway connects browsers, over WebSockets, with agents. Clients talk on channels. To serve a "
    "channel: "
    "call websocket_subscribe_to_channel, answer each message with websocket_send_to_connection and the "
    "message's "
    "connection_id, then call websocket_subscribe_to_channel again with the cursor of its result. Use "
    "websocket_publish_to_channel to tell every client of a channel something, and websocket_get_endpoint "
    "for the "
    "address under which a client with a session token connects.";

inline constexpr std::string_view kGetEndpoint = R"json({
"name":"websocket_get_endpoint",
"title":"Get the WebSocket address",
"description":"Returns the address that a client (a browser) opens to connect with this session token, the channels there are, and the form of a message that a client sends. The address contains the token: give it to that client only.",
"inputSchema":{"type":"object","properties":{
"session_token":{"type":"string","pattern":"^[A-Za-z0-9._@+=-]{1,128}$","description":"The session's token, as Traffic Cop gave it when the session was made."},
"realm":{"type":"string","pattern":"^[A-Za-z0-9._@+=-]{1,128}$","description":"Who asks. Only checked against the API key; leave it out unless you were told one."}},
"required":["session_token"],"additionalProperties":false},
"outputSchema":{"type":"object","properties":{
"success":{"const":true},
"websocket_url":{"type":"string","description":"ws:// or wss://, with the token in its query."},
"channels":{"type":"array","items":{"type":"string"},"description":"The channels of this gateway."},
"message_format":{"type":"object","description":"A client's message, by example."}},
"required":["success","websocket_url","channels","message_format"]},
"annotations":{"title":"Get the WebSocket address","readOnlyHint":true,"destructiveHint":false,"idempotentHint":true,"openWorldHint":false}})json";

inline constexpr std::string_view kPublish = R"json({
"name":"websocket_publish_to_channel",
"title":"Publish to a channel",
"description":"Sends a message to every client that is subscribed to the channel, on every instance of the gateway, and to the channel's agents. Use websocket_send_to_connection to answer one client. The message arrives exactly as given here; front ends usually show the fields type, message, agent_type, pillar, conversation_id and data of an object.",
"inputSchema":{"type":"object","properties":{
"channel":{"type":"string","pattern":"^[a-z0-9_.:-]{1,64}$","description":"One of the gateway's channels, for example guide."},
"message":{"description":"Any JSON value; usually an object such as {\"type\":\"notice\",\"message\":\"Hello\"}."},
"realm":{"type":"string","pattern":"^[A-Za-z0-9._@+=-]{1,128}$","description":"In whose name. Required unless the API key belongs to one realm, which is then the default."},
"tenant_id":{"type":"string","pattern":"^[A-Za-z0-9._@+=-]{1,128}$","description":"Only to clients of this tenant. Left out: to all, or to those of the tenant that the API key is bound to."}},
"required":["channel","message"],"additionalProperties":false},
"outputSchema":{"type":"object","properties":{
"success":{"const":true},
"status":{"enum":["published","partly_published"],"description":"partly_published: not to the clients of the instances in missed."},
"missed":{"type":"array","items":{"type":"string"},"description":"Instances that could not be reached."},
"channel":{"type":"string","description":"The channel, with the prefix websocket:."},
"timestamp":{"type":"string","description":"UTC, ISO 8601."}},
"required":["success","status","channel","timestamp"]},
"annotations":{"title":"Publish to a channel","readOnlyHint":false,"destructiveHint":false,"idempotentHint":false,"openWorldHint":true}})json";

inline constexpr std::string_view kSend = R"json({
"name":"websocket_send_to_connection",
"title":"Send to a client",
"description":"Sends a message to one connected client, wherever in the cluster it is: give the connection_id of the message that you answer. Or give session_ref, session_id or user_id to reach all connections of that session or user. Exactly one of the four. The message arrives exactly as given here; to stream an answer, call once for each part. Fails with not_found when the client has left.",
"inputSchema":{"type":"object","properties":{
"message":{"description":"Any JSON value; usually an object such as {\"type\":\"agent_response\",\"message\":\"Hello\"}."},
"connection_id":{"type":"string","description":"One connection: ws_ and 32 hexadecimal digits."},
"session_ref":{"type":"string","pattern":"^[A-Za-z0-9._@+=-]{1,128}$","description":"All connections of a session, by its public name, as in received messages."},
"session_id":{"type":"string","pattern":"^[A-Za-z0-9._@+=-]{1,128}$","description":"All connections of a session, by its token."},
"user_id":{"type":"string","minLength":1,"maxLength":256,"description":"All connections of a user."}},
"required":["message"],"additionalProperties":false},
"outputSchema":{"type":"object","properties":{
"success":{"const":true},
"status":{"const":"sent"},
"connection_id":{"type":"string","description":"As it was given; only with connection_id."},
"delivered":{"type":"integer","minimum":0,"description":"To how many connections; only without connection_id."}},
"required":["success","status"]},
"annotations":{"title":"Send to a client","readOnlyHint":false,"destructiveHint":false,"idempotentHint":false,"openWorldHint":true}})json";

// Of an envelope only message_id is promised: on Redis others may publish too, and one odd message must not
// make a client refuse the whole answer.
inline constexpr std::string_view kSubscribe = R"json({
"name":"websocket_subscribe_to_channel",
"title":"Receive from a channel",
"description":"Returns the messages that clients have sent to a channel since the cursor, oldest first, and the next cursor. Call it again and again: without a cursor the first time (you get what no agent has received yet), then always with the cursor of the last result, which also tells the gateway that you have received what came before. Answer a message with websocket_send_to_connection and its connection_id; messages with source instead of connection_id are publications and need no answer. The gateway goes on listening for 60 seconds after your last call and keeps messages for up to 300 seconds. gap true means that messages may have been missed, gap_reason why. Every agent that calls gets every message; after a failed call the same message may come again, with the same message_id.",
"inputSchema":{"type":"object","properties":{
"channel":{"type":"string","pattern":"^[a-z0-9_.:-]{1,64}$","description":"One of the gateway's channels, for example guide."},
"cursor":{"type":"string","maxLength":256,"description":"The cursor of the last result, unchanged."},
"wait_seconds":{"type":"integer","minimum":0,"maximum":25,"default":0,"description":"How long to wait for a message when there is none yet. 20 is a good value for an agent that does nothing else."},
"max_messages":{"type":"integer","minimum":1,"maximum":500,"default":50,"description":"At most so many at once; more says whether others are left."}},
"required":["channel"],"additionalProperties":false},
"outputSchema":{"type":"object","properties":{
"messages":{"type":"array","items":{"type":"object","properties":{
"message_id":{"type":"string","description":"Unique; sorts by time."},
"connection_id":{"description":"Who sent it: answer there."},
"channel":{"description":"Where it was sent."},
"message":{"description":"What the client sent; its payload.message is usually the text."},
"timestamp":{"description":"UTC, ISO 8601."},
"session_ref":{"description":"The client's session, by its public name; or null."},
"user_id":{"description":"The client's user; or null."},
"tenant_id":{"description":"The client's tenant; or null."},
"source":{"description":"Instead of connection_id: the realm whose publication this is."}},
"required":["message_id"]}},
"cursor":{"type":"string","description":"For the next call."},
"more":{"type":"boolean","description":"Others are there already: call again at once."},
"gap":{"type":"boolean","description":"Between the cursor and these messages others may be missing."},
"gap_reason":{"enum":["expired","overflow","not_listening","unknown_cursor"],"description":"Only with gap: they were not fetched in time; too many came; nobody called for a while; the cursor is another instance's or from before a restart."}},
"required":["messages","cursor","more","gap"]},
"annotations":{"title":"Receive from a channel","readOnlyHint":false,"destructiveHint":false,"idempotentHint":true,"openWorldHint":true}})json";

}  // namespace gw::mcp::definitions
