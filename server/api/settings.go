package api

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/store"
)

// pathAcceptanceMode is the path that changes what stands beside it: it is copied first.
const pathAcceptanceMode = "settings.acceptance.mode"

// settingsSetters is every path that UpdateStore may name and what it copies. A message's path copies all below it.
var settingsSetters = map[string]func(to *store.Settings, from store.Settings){
	"*":                               func(to *store.Settings, from store.Settings) { *to = from },
	"settings":                        func(to *store.Settings, from store.Settings) { *to = from },
	"settings.display_name":           func(to *store.Settings, from store.Settings) { to.DisplayName = from.DisplayName },
	"settings.branding":               func(to *store.Settings, from store.Settings) { to.Branding = from.Branding },
	"settings.branding.logo_uri":      func(to *store.Settings, from store.Settings) { to.Branding.LogoURI = from.Branding.LogoURI },
	"settings.branding.website_uri":   func(to *store.Settings, from store.Settings) { to.Branding.WebsiteURI = from.Branding.WebsiteURI },
	"settings.branding.support_email": func(to *store.Settings, from store.Settings) { to.Branding.SupportEmail = from.Branding.SupportEmail },
	"settings.branding.support_phone": func(to *store.Settings, from store.Settings) { to.Branding.SupportPhone = from.Branding.SupportPhone },
	"settings.branding.packing_slip_message": func(to *store.Settings, from store.Settings) {
		to.Branding.PackingSlipMessage = from.Branding.PackingSlipMessage
	},
	"settings.customer_notification": func(to *store.Settings, from store.Settings) { to.CustomerNotification = from.CustomerNotification },
	"settings.customer_notification.on_shipment": func(to *store.Settings, from store.Settings) {
		to.CustomerNotification.OnShipment = from.CustomerNotification.OnShipment
	},
	"settings.customer_notification.on_delivery": func(to *store.Settings, from store.Settings) {
		to.CustomerNotification.OnDelivery = from.CustomerNotification.OnDelivery
	},
	"settings.customer_notification.reply_to": func(to *store.Settings, from store.Settings) {
		to.CustomerNotification.ReplyTo = from.CustomerNotification.ReplyTo
	},
	"settings.acceptance": func(to *store.Settings, from store.Settings) { to.AcceptancePolicy = from.AcceptancePolicy },
	pathAcceptanceMode: func(to *store.Settings, from store.Settings) {
		to.AcceptancePolicy = to.AcceptancePolicy.WithMode(from.AcceptancePolicy.Mode)
	},
	"settings.acceptance.skus": func(to *store.Settings, from store.Settings) { to.AcceptancePolicy.SKUs = from.AcceptancePolicy.SKUs },
	"settings.acceptance.max_total": func(to *store.Settings, from store.Settings) {
		to.AcceptancePolicy.MaxTotal = from.AcceptancePolicy.MaxTotal
	},
	"settings.import_schedule": func(to *store.Settings, from store.Settings) { to.ImportSchedule = from.ImportSchedule },
	"settings.import_schedule.disabled": func(to *store.Settings, from store.Settings) {
		to.ImportSchedule.Disabled = from.ImportSchedule.Disabled
	},
	"settings.import_schedule.interval": func(to *store.Settings, from store.Settings) {
		to.ImportSchedule.Interval = from.ImportSchedule.Interval
	},
	"settings.look_back": func(to *store.Settings, from store.Settings) { to.LookBack = from.LookBack },
	"settings.look_back.first_import_days": func(to *store.Settings, from store.Settings) {
		to.LookBack.FirstImportDays = from.LookBack.FirstImportDays
	},
	"settings.look_back.later_import_days": func(to *store.Settings, from store.Settings) {
		to.LookBack.LaterImportDays = from.LookBack.LaterImportDays
	},
}

// settingsChange returns the change that a field mask asks for; without paths, that of the fields that are set.
func settingsChange(in *marketplacev1.StoreSettings, mask *fieldmaskpb.FieldMask) (func(*store.Settings), error) {
	paths := mask.GetPaths()
	if len(paths) == 0 {
		paths = populated("settings", in.ProtoReflect())
	}
	from, err := settingsFromProto(in)
	if err != nil {
		return nil, err
	}
	var setters []func(*store.Settings, store.Settings)
	for _, path := range paths {
		set, ok := settingsSetters[path]
		if !ok {
			return nil, problem.InvalidField("update_mask", "names %q, which cannot be changed; settings and the fields below it can", strings.ToValidUTF8(path, "?"))
		}
		if path == pathAcceptanceMode {
			setters = slices.Insert(setters, 0, set)
		} else {
			setters = append(setters, set)
		}
	}
	return func(to *store.Settings) {
		for _, set := range setters {
			set(to, from)
		}
	}, nil
}

// populated returns the paths of the fields that are set in a message, as deep as there are setters.
func populated(path string, m protoreflect.Message) []string {
	var paths []string
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		field := path + "." + string(f.Name())
		if hasParts(field) {
			paths = append(paths, populated(field, v.Message())...)
		} else {
			paths = append(paths, field)
		}
		return true
	})
	return paths
}

// hasParts reports whether fields below a path can be changed by themselves.
func hasParts(path string) bool {
	for setter := range settingsSetters {
		if strings.HasPrefix(setter, path+".") {
			return true
		}
	}
	return false
}

// settingsFromProto converts settings; the core checks them. A duration that is none has no plain form: it is refused here.
func settingsFromProto(s *marketplacev1.StoreSettings) (store.Settings, error) {
	interval := s.GetImportSchedule().GetInterval()
	if interval != nil && !interval.IsValid() {
		return store.Settings{}, problem.InvalidField("store.settings.import_schedule.interval", "is not a valid duration")
	}
	return store.Settings{
		DisplayName: s.GetDisplayName(),
		Branding: store.Branding{
			LogoURI: s.GetBranding().GetLogoUri(), WebsiteURI: s.GetBranding().GetWebsiteUri(),
			SupportEmail: s.GetBranding().GetSupportEmail(), SupportPhone: s.GetBranding().GetSupportPhone(),
			PackingSlipMessage: s.GetBranding().GetPackingSlipMessage(),
		},
		CustomerNotification: store.CustomerNotification{
			OnShipment: s.GetCustomerNotification().GetOnShipment(), OnDelivery: s.GetCustomerNotification().GetOnDelivery(),
			ReplyTo: s.GetCustomerNotification().GetReplyTo(),
		},
		LookBack: store.LookBack{
			FirstImportDays: int(s.GetLookBack().GetFirstImportDays()), LaterImportDays: int(s.GetLookBack().GetLaterImportDays()),
		},
		AcceptancePolicy: acceptanceFromProto(s.GetAcceptance()),
		ImportSchedule: store.ImportSchedule{
			Disabled: s.GetImportSchedule().GetDisabled(), Interval: interval.AsDuration(),
		},
	}, nil
}

func acceptanceFromProto(p *marketplacev1.AcceptancePolicy) store.AcceptancePolicy {
	policy := store.AcceptancePolicy{SKUs: p.GetSkus()}
	if p.GetMode() != marketplacev1.AcceptancePolicy_MODE_UNSPECIFIED {
		policy.Mode = store.AcceptanceMode(strings.TrimPrefix(p.GetMode().String(), "MODE_"))
	}
	if t := p.GetMaxTotal(); t != nil {
		policy.MaxTotal = &store.Amount{Currency: t.GetCurrencyCode(), Units: t.GetUnits(), Nanos: t.GetNanos()}
	}
	return policy
}

func acceptanceToProto(p store.AcceptancePolicy) *marketplacev1.AcceptancePolicy {
	mode := p.Mode
	if mode == "" {
		mode = store.AcceptManually
	}
	out := &marketplacev1.AcceptancePolicy{
		Mode: marketplacev1.AcceptancePolicy_Mode(marketplacev1.AcceptancePolicy_Mode_value["MODE_"+string(mode)]), Skus: p.SKUs,
	}
	if t := p.MaxTotal; t != nil {
		out.MaxTotal = &marketplacev1.Money{CurrencyCode: t.Currency, Units: t.Units, Nanos: t.Nanos}
	}
	return out
}

func scheduleToProto(s store.ImportSchedule) *marketplacev1.ImportSchedule {
	out := &marketplacev1.ImportSchedule{Disabled: s.Disabled}
	if s.Interval > 0 {
		out.Interval = durationpb.New(s.Interval)
	}
	return out
}

func settingsToProto(s store.Settings) *marketplacev1.StoreSettings {
	return &marketplacev1.StoreSettings{
		DisplayName: s.DisplayName,
		Branding: &marketplacev1.Branding{
			LogoUri: s.Branding.LogoURI, WebsiteUri: s.Branding.WebsiteURI,
			SupportEmail: s.Branding.SupportEmail, SupportPhone: s.Branding.SupportPhone,
			PackingSlipMessage: s.Branding.PackingSlipMessage,
		},
		CustomerNotification: &marketplacev1.CustomerNotification{
			OnShipment: s.CustomerNotification.OnShipment, OnDelivery: s.CustomerNotification.OnDelivery,
			ReplyTo: s.CustomerNotification.ReplyTo,
		},
		LookBack: &marketplacev1.LookBack{
			FirstImportDays: int32(s.LookBack.FirstImportDays), LaterImportDays: int32(s.LookBack.LaterImportDays),
		},
		Acceptance: acceptanceToProto(s.AcceptancePolicy), ImportSchedule: scheduleToProto(s.ImportSchedule),
	}
}
