// Sends traces of OpenTelemetry's Go SDK over gRPC, one after another, until standard input ends, and prints the id of each
// that its exporter says is stored. What the exporter gives up is exported again, as a program with a queue of its own would.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

func main() {
	ctx := context.Background()
	exporter, err := otlptracegrpc.New(ctx)
	if err != nil {
		panic(err)
	}
	ended := tracetest.NewInMemoryExporter()
	tracer := trace.NewTracerProvider(trace.WithSyncer(ended)).Tracer("agent")
	var stops atomic.Bool
	go func() {
		io.Copy(io.Discard, os.Stdin)
		stops.Store(true)
	}()
	for !stops.Load() {
		_, span := tracer.Start(ctx, "answer")
		span.End()
		spans := ended.GetSpans().Snapshots()
		ended.Reset()
		for exporter.ExportSpans(ctx, spans) != nil {
		}
		fmt.Println(span.SpanContext().TraceID())
	}
	if err := exporter.Shutdown(ctx); err != nil {
		panic(err)
	}
}
