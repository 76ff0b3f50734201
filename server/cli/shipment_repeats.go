package cli

import (
	"fmt"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// Reasons of a line that another line of its file leaves no place for.
const (
	shipmentAlreadyOpen = "SHIPMENT_ALREADY_OPEN"
	requestIDReused     = "REQUEST_ID_REUSED"
	shipmentDiffers     = "SHIPMENT_DIFFERS"
)

// checkedLines are the lines of a file that are valid, in a run that stores nothing: what would be stored of them is not there for the
// server to see. It compares the lines of one call with each other; a long file needs several.
type checkedLines struct{ byOrder, byRequest map[string]checkedLine }

// checkedLine is one of them.
type checkedLine struct {
	line    int
	key     string // the request id, as given or derived
	request *marketplacev1.NotifyShipmentRequest
}

func newCheckedLines() checkedLines {
	return checkedLines{byOrder: map[string]checkedLine{}, byRequest: map[string]checkedLine{}}
}

// add takes the result of a line. One that an earlier line leaves no place for becomes an error that names that line.
func (c checkedLines) add(row fileRow, request *marketplacev1.NotifyShipmentRequest, result *marketplacev1.NotifyShipmentResult) {
	order := request.GetShipment().GetOrder()
	ofOrder, orderTaken := c.byOrder[order]
	if e := result.GetError(); e != nil {
		ofRequest, requestTaken := c.byRequest[request.GetRequestId()]
		switch {
		case orderTaken && (e.GetReason() == shipmentAlreadyOpen || e.GetReason() == shipmentDiffers):
			e.Message = seeLine(e.GetMessage(), ofOrder)
		case e.GetReason() == requestIDReused && requestTaken:
			e.Message = seeLine(e.GetMessage(), ofRequest)
		}
		return
	}
	s := result.GetShipment()
	if s.GetName() != "" { // it was stored before
		return
	}
	ofRequest, requestTaken := c.byRequest[s.GetRequestId()]
	refuse := func(reason, message string, earlier checkedLine) {
		result.Result = &marketplacev1.NotifyShipmentResult_Error{Error: &marketplacev1.ItemError{
			Code: int32(codes.AlreadyExists), Reason: reason, Message: seeLine(message, earlier),
		}}
	}
	switch {
	case requestTaken && request.GetRequestId() != "" && !proto.Equal(ofRequest.request, request):
		refuse(requestIDReused, "an earlier line has the same request_id and says something else", ofRequest)
	case requestTaken && differs(ofRequest.request.GetShipment(), request.GetShipment()):
		refuse(shipmentDiffers, "an earlier line says the same carrier and tracking number with other details", ofRequest)
	case requestTaken: // the same shipment again
	case orderTaken && ofOrder.key != s.GetRequestId():
		refuse(shipmentAlreadyOpen, "an earlier line ships this order too; an order has one open shipment", ofOrder)
	default:
		line := checkedLine{line: row.line, key: s.GetRequestId(), request: request}
		c.byOrder[order], c.byRequest[line.key] = line, line
	}
}

// differs reports whether two lines that name one parcel tell something else of it. When it left does not count.
func differs(a, b *marketplacev1.Shipment) bool {
	return a.GetTrackingUrl() != b.GetTrackingUrl() || a.GetService() != b.GetService() || !proto.Equal(a.GetCarrierFee(), b.GetCarrierFee())
}

// seeLine points to the other line.
func seeLine(message string, other checkedLine) string {
	return fmt.Sprintf("%s: see line %d", strings.TrimSuffix(message, "."), other.line)
}
