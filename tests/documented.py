"""The fields of a record as each vendor's page lists them, in the page's order."""

NEXUDUS = """
    Name CrmBoardColumnId CrmBoardColumnName CrmBoardColumnCrmBoardId CrmBoardColumnCrmBoardName
    CrmBoardColumnCrmBoardBusinessId CrmBoardColumnCrmBoardBusinessName CrmBoardColumnCrmBoardBusinessCurrencyId
    CrmBoardColumnCrmBoardBusinessCurrencyCode CoworkerId CoworkerFullName CoworkerCoworkerType CoworkerCompanyName
    CoworkerEmail TeamId TeamName TeamDescription TeamProfileWebsite OpportunityTypeId OpportunityTypeName ResponsibleId
    ResponsibleFullName ReferrerId AgentId Notes Completed DueDate Value Reminded LeadSource LossReason Status WonOn
    LostOn CrmUpdatedOn Position UtmSource UtmMedium UtmCampaign UtmContent UtmTerm Id UniqueId CreatedOn UpdatedOn
    UpdatedBy IsNew SystemId
""".split()

CHARTMOGUL = """
    uuid customer_uuid owner pipeline pipeline_stage estimated_close_date currency amount_in_cents type
    forecast_category win_likelihood custom created_at updated_at
""".split()
