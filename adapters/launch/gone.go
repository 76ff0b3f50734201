package launch

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// gone tells a caller whose process was cleaned up under its call what happened. grpc reports a connection that its owner closes as
// CANCELLED, which would read as the caller's own doing.
func gone(ctx context.Context, err error) error {
	if status.Code(err) == codes.Canceled && ctx.Err() == nil {
		return status.Error(codes.Unavailable, "the adapter's process ended during the call")
	}
	return err
}

func unaryGone(
	ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption,
) error {
	return gone(ctx, invoke(ctx, method, req, reply, conn, opts...))
}

func streamGone(
	ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption,
) (grpc.ClientStream, error) {
	stream, err := open(ctx, desc, conn, method, opts...)
	if err != nil {
		return nil, gone(ctx, err)
	}
	return &goneStream{ClientStream: stream, ctx: ctx}, nil
}

// goneStream translates what receiving returns; sending only ever says io.EOF, and leaves the reason to receiving.
type goneStream struct {
	grpc.ClientStream
	ctx context.Context // the caller's: the stream's own is cancelled with the connection
}

// RecvMsg receives the next message.
func (s *goneStream) RecvMsg(message any) error {
	return gone(s.ctx, s.ClientStream.RecvMsg(message))
}
