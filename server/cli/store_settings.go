package cli

import (
	"maps"
	"slices"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// settingsFlags are the flags of a store's settings, one for each field of StoreSettings.
type settingsFlags struct {
	displayName, logoURI, websiteURI, supportEmail, supportPhone, packingSlip, replyTo string
	onShipment, onDelivery                                                             bool
	firstImportDays, laterImportDays                                                   int32
	policy                                                                             policyFlags
}

// settingPaths maps each flag to its path in the update mask, relative to the store.
func settingPaths() map[string]string {
	paths := policyPaths()
	maps.Copy(paths, map[string]string{
		"display-name":         "settings.display_name",
		"logo-uri":             "settings.branding.logo_uri",
		"website-uri":          "settings.branding.website_uri",
		"support-email":        "settings.branding.support_email",
		"support-phone":        "settings.branding.support_phone",
		"packing-slip-message": "settings.branding.packing_slip_message",
		"notify-on-shipment":   "settings.customer_notification.on_shipment",
		"notify-on-delivery":   "settings.customer_notification.on_delivery",
		"reply-to":             "settings.customer_notification.reply_to",
		"first-import-days":    "settings.look_back.first_import_days",
		"later-import-days":    "settings.look_back.later_import_days",
	})
	return paths
}

func (f *settingsFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.displayName, "display-name", "", "name shown to people (default: the shop's name on the marketplace)")
	flags.StringVar(&f.logoURI, "logo-uri", "", "https URL of the logo")
	flags.StringVar(&f.websiteURI, "website-uri", "", "https URL of the seller's shop")
	flags.StringVar(&f.supportEmail, "support-email", "", "mail address that buyers may write to")
	flags.StringVar(&f.supportPhone, "support-phone", "", "phone number that buyers may call")
	flags.StringVar(&f.packingSlip, "packing-slip-message", "", "a line for the packing slip")
	flags.BoolVar(&f.onShipment, "notify-on-shipment", false, "tell the buyer when the parcel leaves")
	flags.BoolVar(&f.onDelivery, "notify-on-delivery", false, "tell the buyer when the parcel is delivered")
	flags.StringVar(&f.replyTo, "reply-to", "", "mail address that notices to buyers are answered to (default: the support mail address)")
	flags.Int32Var(&f.firstImportDays, "first-import-days", 0, "how far the first import looks back, in days of 24 hours (default 29)")
	flags.Int32Var(&f.laterImportDays, "later-import-days", 0, "how far later imports look back for new orders, in days of 24 hours (default 30)")
	f.policy.register(cmd)
}

// changed returns the settings and the paths of those whose flag was given, sorted.
func (f *settingsFlags) changed(flags *pflag.FlagSet) (*marketplacev1.StoreSettings, []string, error) {
	var given []string
	for name, path := range settingPaths() {
		if flags.Changed(name) {
			given = append(given, path)
		}
	}
	slices.Sort(given)
	settings := &marketplacev1.StoreSettings{
		DisplayName: f.displayName,
		Branding: &marketplacev1.Branding{
			LogoUri: f.logoURI, WebsiteUri: f.websiteURI, SupportEmail: f.supportEmail, SupportPhone: f.supportPhone,
			PackingSlipMessage: f.packingSlip,
		},
		CustomerNotification: &marketplacev1.CustomerNotification{
			OnShipment: f.onShipment, OnDelivery: f.onDelivery, ReplyTo: f.replyTo,
		},
		LookBack: &marketplacev1.LookBack{FirstImportDays: f.firstImportDays, LaterImportDays: f.laterImportDays},
	}
	if err := f.policy.apply(flags, settings); err != nil {
		return nil, nil, err
	}
	return settings, given, nil
}

// settingFacts describes the settings that are set.
func settingFacts(s *marketplacev1.StoreSettings) []fact {
	days := func(n int32) string {
		if n == 0 {
			return ""
		}
		return strconv.Itoa(int(n)) + " days"
	}
	brand, notify, back := s.GetBranding(), s.GetCustomerNotification(), s.GetLookBack()
	return append([]fact{
		{"Display name", s.GetDisplayName()},
		{"Logo", brand.GetLogoUri()},
		{"Website", brand.GetWebsiteUri()},
		{"Support", joined(", ", brand.GetSupportEmail(), brand.GetSupportPhone())},
		{"Packing slip", brand.GetPackingSlipMessage()},
		{"Notify on shipment", yes(notify.GetOnShipment())},
		{"Notify on delivery", yes(notify.GetOnDelivery())},
		{"Reply to", notify.GetReplyTo()},
		{"First import", days(back.GetFirstImportDays())},
		{"Later imports", days(back.GetLaterImportDays())},
	}, policyFacts(s)...)
}
