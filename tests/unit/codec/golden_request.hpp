#pragma once

#include <string_view>

namespace tracelink::testing {

// An ExportTraceServiceRequest of two traces in two resources, as OpenTelemetry's Python classes
// (opentelemetry-proto 1.45.2) encode it, in hex.
inline constexpr std::string_view kGoldenProtobufHex =
    "0ab2010a180a160a0c736572766963652e6e616d6512060a04737663301288010a0a0a036c69621203312e30"
    "123c0a10000102030405060708090a0b0c0d0e0f120801010101010101012a046f70303030023900002a36fe"
    "9c97174164002a36fe9c9717850101010000123c0a10101112131415161718191a1b1c1d1e1f120801010101"
    "020202022a046f70303130033900002a36fe9c97174165002a36fe9c97178501010100001a0b68747470733a"
    "2f2f732f300aa5030a180a160a0c736572766963652e6e616d6512060a047376633112fb020a0a0a036c6962"
    "1203312e3112460a10000102030405060708090a0b0c0d0e0f12080202020201010101220801010101010101"
    "012a046f70313030023901002a36fe9c97174164002a36fe9c971785010101000012a4020a10101112131415"
    "161718191a1b1c1d1e1f120802020202020202021a03613d62220801010101020202022a046f703131300339"
    "01002a36fe9c97174165002a36fe9c97174a0a0a017312050a03c3a9224a070a0162120210004a100a016912"
    "0b18808080808080808080014a0e0a01641209219a9999999999b93f4a100a036e616e120921000000000000"
    "f87f4a100a03696e66120921000000000000f0ff4a0d0a05627974657312043a02ff004a0f0a036172721208"
    "2a060a0218000a004a110a026b76120b32090a070a017812020a0050035a1809070000000000000012026576"
    "1a070a016b1202180520016a240a10000102030405060708090a0b0c0d0e0f120809090909090909091a016c"
    "35010000007a07120362616418028501010100001a0b68747470733a2f2f732f31";

// The same in OTLP/JSON: protobuf's json_format, ids turned from base64 to hex.
inline constexpr std::string_view kGoldenJson =
    R"json({"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"str)json"
    R"json(ingValue":"svc0"}}]},"scopeSpans":[{"scope":{"name":"lib","version":"1.0"},"span)json"
    R"json(s":[{"traceId":"000102030405060708090a0b0c0d0e0f","spanId":"0101010101010101","n)json"
    R"json(ame":"op00","kind":2,"startTimeUnixNano":"1700000000000000000","endTimeUnixNano")json"
    R"json(:"1700000000000000100","flags":257},{"traceId":"101112131415161718191a1b1c1d1e1f)json"
    R"json(","spanId":"0101010102020202","name":"op01","kind":3,"startTimeUnixNano":"170000)json"
    R"json(0000000000000","endTimeUnixNano":"1700000000000000101","flags":257}]}],"schemaUr)json"
    R"json(l":"https://s/0"},{"resource":{"attributes":[{"key":"service.name","value":{"str)json"
    R"json(ingValue":"svc1"}}]},"scopeSpans":[{"scope":{"name":"lib","version":"1.1"},"span)json"
    R"json(s":[{"traceId":"000102030405060708090a0b0c0d0e0f","spanId":"0202020201010101","p)json"
    R"json(arentSpanId":"0101010101010101","name":"op10","kind":2,"startTimeUnixNano":"1700)json"
    R"json(000000000000001","endTimeUnixNano":"1700000000000000100","flags":257},{"traceId")json"
    R"json(:"101112131415161718191a1b1c1d1e1f","spanId":"0202020202020202","traceState":"a=)json"
    R"json(b","parentSpanId":"0101010102020202","name":"op11","kind":3,"startTimeUnixNano":)json"
    R"json("1700000000000000001","endTimeUnixNano":"1700000000000000101","attributes":[{"ke)json"
    R"json(y":"s","value":{"stringValue":"é\""}},{"key":"b","value":{"boolValue":false}},{")json"
    R"json(key":"i","value":{"intValue":"-9223372036854775808"}},{"key":"d","value":{"doubl)json"
    R"json(eValue":0.1}},{"key":"nan","value":{"doubleValue":"NaN"}},{"key":"inf","value":{)json"
    R"json("doubleValue":"-Infinity"}},{"key":"bytes","value":{"bytesValue":"/wA="}},{"key")json"
    R"json(:"arr","value":{"arrayValue":{"values":[{"intValue":"0"},{}]}}},{"key":"kv","val)json"
    R"json(ue":{"kvlistValue":{"values":[{"key":"x","value":{"stringValue":""}}]}}}],"dropp)json"
    R"json(edAttributesCount":3,"events":[{"timeUnixNano":"7","name":"ev","attributes":[{"k)json"
    R"json(ey":"k","value":{"intValue":"5"}}],"droppedAttributesCount":1}],"links":[{"trace)json"
    R"json(Id":"000102030405060708090a0b0c0d0e0f","spanId":"0909090909090909","traceState":)json"
    R"json("l","flags":1}],"status":{"message":"bad","code":2},"flags":257}]}],"schemaUrl":)json"
    R"json("https://s/1"}]})json";

}  // namespace tracelink::testing
